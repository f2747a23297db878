{# Items that no rule has a candidate for, beside subjects with almost their name or almost their number, found by indexed
   keys; what contradicts is left out. How alike they are is said by the model (plugins/credit_warehouse/likeness). #}
{{ config(incremental_strategy='refill') }}

with open_items as (
    select orphan.*
    from {{ ref('orphan_item') }} as orphan
    inner join {{ ref('likely_item') }} as asked on orphan.item_id = asked.item_id
    where not exists (select from {{ ref('link_candidate') }} as settled where settled.item_id = orphan.item_id)
),

units as (
    select distinct on (open_items.item_id, variant.subject_id)
        open_items.*,
        variant.subject_id,
        variant.name_key as subject_name_key
    from open_items
    inner join {{ ref('name_variant') }} as variant on open_items.variants && variant.variants
    where open_items.subject_kind = 'organisation'
    order by open_items.item_id, variant.subject_id, variant.name_key = open_items.name_key desc, variant.name_key
),

-- The court's form of a number shows three parts: the division, the year, and the last four characters.
numbered as (
    select * from open_items
    where subject_kind = 'person' and identifier_shown ~ '^\d{10}\*{4}\d{3}[\dX]$'
),

people as (
    select
        numbered.*,
        known.subject_id,
        names.name_key as subject_name_key,
        known.identifier_shown as subject_shown
    from numbered
    inner join {{ ref('subject_identifier') }} as known on numbered.identifier_shown = known.identifier_shown
    inner join {{ ref('subject_name') }} as names on known.subject_id = names.subject_id
    where names.name_key <> numbered.name_key
    union
    -- The same name and two parts of three: one may hold the slip. Each half is one look into an index.
    select
        numbered.*,
        names.subject_id,
        names.name_key,
        names.number_shown
    from numbered
    inner join {{ ref('subject_name') }} as names
        on
            numbered.name_key = names.name_key
            and names.number_shown >= left(numbered.identifier_shown, 6)
            and names.number_shown <= left(numbered.identifier_shown, 6) || '~'
    where
        (substr(numbered.identifier_shown, 7, 4) = substr(names.number_shown, 7, 4))
        <> (right(numbered.identifier_shown, 4) = right(names.number_shown, 4))
    union
    select
        numbered.*,
        names.subject_id,
        names.name_key,
        names.number_shown
    from numbered
    inner join {{ ref('subject_name') }} as names
        on
            numbered.name_key = names.name_key
            and substr(numbered.identifier_shown, 7) = substr(names.number_shown, 7)
    where left(numbered.identifier_shown, 6) <> left(names.number_shown, 6)
)

select
    units.item_id,
    units.subject_id,
    units.subject_kind,
    units.basis,
    units.name_key as item_name,
    units.subject_name_key as subject_name,
    units.identifier_shown as item_number,
    code.identifier_shown as subject_number,
    units.division_code as item_division,
    coalesce(substr(code.identifier_shown, 3, 6), register.division_code) as subject_division,
    units.representative_key as item_representative,
    register.representative_key as subject_representative,
    null::text as item_sex,
    null::text as subject_sex,
    null::int as item_age,
    null::boolean as age_agrees,
    units.content_batch_id,
    units.content_row_no
from units
left join lateral (
    select known.identifier_shown
    from {{ ref('subject_identifier') }} as known
    where known.subject_id = units.subject_id and known.identifier_type = 'uscc'
    limit 1
) as code on true
-- An old case names the representative of its time.
left join lateral (
    select
        known.representative_key,
        known.division_code
    from {{ ref('subject_registration') }} as known
    where known.subject_id = units.subject_id
    order by known.representative_key is not distinct from units.representative_key desc, known.first_build_id desc
    limit 1
) as register on true
where
    units.registration_number is null
    or not exists (
        select from {{ ref('subject_registration') }} as known
        where known.subject_id = units.subject_id and known.registration_number <> units.registration_number
    )
union all
select
    people.item_id,
    people.subject_id,
    people.subject_kind,
    people.basis,
    people.name_key as item_name,
    people.subject_name_key as subject_name,
    people.identifier_shown as item_number,
    people.subject_shown as subject_number,
    left(people.identifier_shown, 6) as item_division,
    left(people.subject_shown, 6) as subject_division,
    null as item_representative,
    null as subject_representative,
    people.sex as item_sex,
    seen.sex as subject_sex,
    people.age as item_age,
    seen.age_agrees,
    people.content_batch_id,
    people.content_row_no
from people
cross join lateral (
    select
        case when substr(people.subject_shown, 17, 1)::int % 2 = 1 then '男' else '女' end as sex,
        people.age between
        date_part('year', coalesce(people.valid_from, people.said_on)) - substr(people.subject_shown, 7, 4)::int - 2
        and date_part('year', greatest(people.valid_from, people.said_on)) - substr(people.subject_shown, 7, 4)::int + 1
            as age_agrees
) as seen
where
    coalesce(people.sex = seen.sex, true)
    and coalesce(seen.age_agrees, true)
    and coalesce(to_char(people.birth_date, 'YYYY') = substr(people.subject_shown, 7, 4), true)
