-- depends_on: {{ ref('changed_item') }}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['item_id'], 'unique': true}, {'columns': ['subject_id']}]
) }}

-- What was removed is in the record of no one; its history stays in core.credit_item.
select
    item_id,
    subject_id,
    source,
    catalogue_class,
    polarity,
    item_title,
    amount_yuan,
    authority,
    legal_basis,
    status,
    valid_from,
    valid_to
from {{ ref('credit_item') }}
where
    recorded_to = 'infinity'
    and status = 'ACTIVE'
    and subject_id is not null
    {%- if is_incremental() %}
    and item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
