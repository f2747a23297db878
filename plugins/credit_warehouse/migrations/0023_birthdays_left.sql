-- Arithmetic of GB 11643, not a rule that changes: month and day add 7a + 9b + 10c + 5d to the sum whose remainder modulo
-- 11 the check character states. So many days of a year give a remainder, and so many of them up to a day.
create table core.birthday_count (
    is_leap boolean not null,
    remainder integer not null,
    month integer not null,
    day_of_month integer not null,
    up_to integer not null,
    in_year integer not null,
    primary key (is_leap, remainder, month, day_of_month)
);
comment on table core.birthday_count is
    '校验码相符的出生日数：全年与截至某日 | birthdays that fit a check character, in a year and up to a day';

insert into core.birthday_count
with day as (
    select
        leap.is_leap,
        extract(month from day)::int as month,
        extract(day from day)::int as day_of_month,
        leap.is_leap or to_char(day, 'MMDD') <> '0229' as exists_then,
        mod(
            7 * (extract(month from day)::int / 10) + 9 * (extract(month from day)::int % 10)
            + 10 * (extract(day from day)::int / 10) + 5 * (extract(day from day)::int % 10), 11
        ) as remainder
    from generate_series(date '2000-01-01', date '2000-12-31', interval '1 day') as day
    cross join (values (true), (false)) as leap (is_leap)
)
select
    day.is_leap,
    wanted.remainder,
    day.month,
    day.day_of_month,
    count(*) filter (where day.exists_then and day.remainder = wanted.remainder)
        over (partition by day.is_leap, wanted.remainder order by day.month, day.day_of_month),
    count(*) filter (where day.exists_then and day.remainder = wanted.remainder)
        over (partition by day.is_leap, wanted.remainder)
from day
cross join generate_series(0, 10) as wanted (remainder);

-- How many birthdays a reader of a shown number has left to choose from; with an age beside it, in the worst case: what
-- an age says depends on whether the birthday was before or after the day of publication, and hiding only the smaller
-- half would tell which half it is. Nothing where not even a year can be told.
create function core.birthdays_left(shown text, shows_age boolean, told_on date) returns integer
language plpgsql stable parallel safe
as $$
declare
    birth_year integer;
    wanted integer;
    weights constant integer[] := '{7,9,10,5,8,4,2,1,6,3,0,0,0,0,8,4,2}';
    counted core.birthday_count;
begin
    if shown is null or shown !~ '^\d{10}[*]{4}\d{3}[\dX]$' then
        return case when shows_age then 365 end;
    end if;
    birth_year := substr(shown, 7, 4);
    wanted := 11 * 200 + strpos('10X98765432', right(shown, 1)) - 1;
    for place in 1..17 loop
        if weights[place] > 0 then
            wanted := wanted - weights[place] * substr(shown, place, 1)::integer;
        end if;
    end loop;
    select * into counted
    from core.birthday_count as known
    where known.is_leap = (birth_year % 4 = 0 and (birth_year % 100 <> 0 or birth_year % 400 = 0))
        and known.remainder = mod(wanted, 11)
        and known.month = extract(month from coalesce(told_on, date '2000-12-31'))::integer
        and known.day_of_month = extract(day from coalesce(told_on, date '2000-12-31'))::integer;
    return case
        when shows_age and told_on is not null then least(counted.up_to, counted.in_year - counted.up_to)
        else counted.in_year
    end;
end
$$;
comment on function core.birthdays_left is
    '所示号码（与年龄、发布日合看）最不利时仍可能的出生日数 | birthdays still possible, in the worst case';
