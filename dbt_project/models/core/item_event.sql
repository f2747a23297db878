{# The log of what was said about every item. Later models read it by item, so its index is the item. #}
{{ config(
    incremental_strategy='delete+insert',
    unique_key='_batch_id',
    pre_hook='{{ forget_compared_again() }}',
    indexes=[{'columns': ['item_id']}, {'columns': ['_batch_id']}, {'columns': ['_build_id']}]
) }}

with events as (
    {%- for source in declared_sources(only_items=true) %}
    {{ snapshot_events(source.name) if source.delivery == 'full' else delta_events(source.name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    *,
    {{ current_build() }} as _build_id
from events
