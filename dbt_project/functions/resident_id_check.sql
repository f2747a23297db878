select substr(
    '10X98765432',
    1 + (
        7 * substr(value, 1, 1)::int + 9 * substr(value, 2, 1)::int + 10 * substr(value, 3, 1)::int
        + 5 * substr(value, 4, 1)::int + 8 * substr(value, 5, 1)::int + 4 * substr(value, 6, 1)::int
        + 2 * substr(value, 7, 1)::int + 1 * substr(value, 8, 1)::int + 6 * substr(value, 9, 1)::int
        + 3 * substr(value, 10, 1)::int + 7 * substr(value, 11, 1)::int + 9 * substr(value, 12, 1)::int
        + 10 * substr(value, 13, 1)::int + 5 * substr(value, 14, 1)::int + 8 * substr(value, 15, 1)::int
        + 4 * substr(value, 16, 1)::int + 2 * substr(value, 17, 1)::int
    ) % 11,
    1
)
