{# Names are kept with the time they were said first and last; what was known of a subject is folded into what the
   day says, so a late delivery moves the first date back instead of inventing a newer name.
   `said_elsewhere_at`: since when a register or an office, and not only an item, has named the subject so.
   `number_shown`: of a person what is shown of the number, else empty. Matching looks for a name together with a division
   and a year, or with a year and the last characters, so that its work does not grow with the namesakes of a whole province. #}
{{ config(
    incremental_strategy='delete+insert',
    unique_key='subject_id',
    indexes=[
        {'columns': ['subject_id', 'name_key'], 'unique': true},
        {'columns': ['first_build_id']},
        {'columns': ['name_key', 'number_shown']},
        {'columns': ['name_key', 'substr(number_shown, 7)']}
    ]
) }}

with said as (
    select
        subject_id,
        name_key,
        subject_name,
        effective_at as first_said_at,
        effective_at as last_said_at,
        case when not is_item then recorded_at end as said_elsewhere_at,
        {{ current_build() }} as first_build_id,
        case subject_kind when 'person' then identifier_shown else '' end as number_shown
    from {{ ref('mention') }}
    where subject_id is not null and name_key is not null
    {%- if is_incremental() %}
    union all
    select
        subject_id,
        name_key,
        subject_name,
        first_said_at,
        last_said_at,
        said_elsewhere_at,
        first_build_id,
        number_shown
    from {{ this }}
    where subject_id in (select subject_id from {{ ref('mention') }})
    {%- endif %}
)

select
    subject_id,
    name_key,
    (array_agg(subject_name order by last_said_at desc, subject_name))[1] as subject_name,
    min(first_said_at) as first_said_at,
    max(last_said_at) as last_said_at,
    min(said_elsewhere_at) as said_elsewhere_at,
    min(first_build_id) as first_build_id,
    min(number_shown) as number_shown
from said
group by subject_id, name_key
