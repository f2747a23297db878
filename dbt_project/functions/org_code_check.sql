select substr(
    '0123456789X0',
    1 + 11 - (
        3 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 1, 1)) - 1)
        + 7 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 2, 1)) - 1)
        + 9 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 3, 1)) - 1)
        + 10 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 4, 1)) - 1)
        + 5 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 5, 1)) - 1)
        + 8 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 6, 1)) - 1)
        + 4 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 7, 1)) - 1)
        + 2 * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(value, 8, 1)) - 1)
    ) % 11,
    1
)
