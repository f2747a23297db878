-- depends_on: {{ ref('changed_item') }}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['directive_id'], 'unique': true}, {'columns': ['item_id']}, {'columns': ['department_code']}]
) }}
{{ punishment_directives(
    ref('defaulter_listing'), ref('listing_decision'), ref('measure_decision'), ref('related_order'), day=build_day(),
    changed_only=is_incremental()
) }}
