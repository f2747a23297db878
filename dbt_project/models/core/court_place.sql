{# Where a court is, by its name: the names that a division gives its courts, and the names of provinces as lists of
   courts write them. A name that more than one division could have given tells nothing, and a division that no longer
   is has no court. Reference only: what cannot be told here is narrowed down, never guessed. #}
{{ config(materialized='view') }}

with division as (
    select
        division_code,
        name_zh,
        regexp_replace(coalesce(parent_zh, ''), '^.*?(省|自治区)', '') as city,
        coalesce(parent_zh, '') as parent
    from {{ ref('division') }}
    where until_year is null
),

named as (
    select
        division_code,
        unnest(case
            when right(division_code, 4) = '0000'
                then array[
                    name_zh || '高级人民法院', name_zh,
                    regexp_replace(name_zh, '(省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)$', '')
                ]
            when right(division_code, 2) = '00' then array[name_zh || '中级人民法院', parent || name_zh || '中级人民法院']
            else array[name_zh || '人民法院', city || name_zh || '人民法院', parent || name_zh || '人民法院']
        end) as name_zh
    from division
)

select
    name_zh,
    min(division_code) as division_code
from named
group by name_zh
having count(distinct division_code) = 1
