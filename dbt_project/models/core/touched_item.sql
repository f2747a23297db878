{{ config(incremental_strategy='refill', indexes=[{'columns': ['item_id'], 'unique': true}]) }}

select distinct item_id
from {{ ref('item_event') }}
{% if not flags.FULL_REFRESH -%}
where _build_id = {{ current_build() }}
{%- endif %}
