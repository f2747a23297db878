-- depends_on: {{ ref('name_variant') }} {{ ref('subject_name') }} {{ ref('mention') }}
{# Items to look at for what the rules leave open: those that are matched in this build, and those whose name or number
   is almost that of somebody who was named in it. #}
{{ config(incremental_strategy='refill', indexes=[{'columns': ['item_id'], 'unique': true}]) }}

select orphan.item_id
from {{ ref('orphan_item') }} as orphan
inner join {{ ref('concerned_orphan') }} as concerned on orphan.item_id = concerned.item_id
{%- if not flags.FULL_REFRESH %}
union
select orphan.item_id
from {{ ref('subject_name') }} as names
inner join {{ ref('name_variant') }} as variant
    on names.subject_id = variant.subject_id and names.name_key = variant.name_key
inner join {{ ref('orphan_item') }} as orphan on variant.variants && orphan.variants
where
    names.first_build_id > {{ last_good_build() }}
    and not exists (select from {{ ref('concerned_orphan') }} as seen where seen.item_id = orphan.item_id)
union
select orphan.item_id
from {{ ref('mention') }} as said
inner join {{ ref('orphan_item') }} as orphan on said.identifier_shown = orphan.identifier_shown
where
    said.subject_id is not null
    and said.subject_kind = 'person'
    and orphan.subject_kind = 'person'
    and not exists (select from {{ ref('concerned_orphan') }} as seen where seen.item_id = orphan.item_id)
{%- endif %}
