with pieces as (
    select regexp_match(replace(value, ',', ''), '^(-?\d+(?:\.\d+)?)\s*(万)?元?(?:人民币)?$') as m
)

select m[1]::numeric * case when m[2] is null then 1 else 10000 end
from pieces
