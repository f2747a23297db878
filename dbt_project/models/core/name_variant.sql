{# Names of organisations as they may be mistyped, found by an index: a name that is one character away is one look away.
   Analysed at once: without statistics the index is not used on the day of a large load. #}
{{ config(
    incremental_strategy='append',
    indexes=[{'columns': ['variants'], 'type': 'gin'}, {'columns': ['subject_id', 'name_key'], 'unique': true}],
    post_hook='analyze {{ this }}'
) }}

select
    names.subject_id,
    names.name_key,
    {{ function('name_variants') }}(names.name_key) as variants
from {{ ref('subject_name') }} as names
inner join {{ ref('subject') }} as subject on names.subject_id = subject.subject_id
where
    subject.subject_kind = 'organisation'
    {%- if is_incremental() %}
    and names.first_build_id > {{ last_good_build() }}
    and not exists (
        select from {{ this }} as known
        where known.subject_id = names.subject_id and known.name_key = names.name_key
    )
    {%- endif %}
