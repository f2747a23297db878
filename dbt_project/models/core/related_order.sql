-- depends_on: {{ ref('changed_item') }}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['item_id'], 'unique': true}, {'columns': ['unit_id']}, {'columns': ['subject_id']}]
) }}
{{ related_orders(day=build_day(), changed_only=is_incremental()) }}
