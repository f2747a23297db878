-- depends_on: {{ ref('changed_item') }}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['item_id'], 'unique': true}]
) }}
{{ exposure_publications(
    ref('defaulter_listing'), ref('listing_decision'), day=build_day(), changed_only=is_incremental()
) }}
