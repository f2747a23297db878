-- The day itself never counts. A day that no calendar row covers is a working day from Monday to Friday: a holiday that
-- nobody has announced delays no removal. No run of holidays is so long that twice the days and three weeks miss the end.
select case unit
    when 'calendar_day' then start_day + amount
    when 'month' then (start_day + make_interval(months => amount))::date
    when 'working_day' then case when amount = 0 then start_day else (
        select counted.day
        from (
            select
                start_day + step as day,
                row_number() over (order by step) as place
            from generate_series(1, 2 * amount + 21) as step
            left join {{ ref('dim_calendar') }} as calendar on calendar.day = start_day + step
            where coalesce(calendar.is_working_day, extract(isodow from start_day + step) < 6)
        ) as counted
        where counted.place = amount
    ) end
end
