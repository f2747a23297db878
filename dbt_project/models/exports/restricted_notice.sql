-- depends_on: {{ ref('changed_item') }}
{# Who is unfit for publication by law is told of to the unit alone (R9); a listing without a unit waits for the court. #}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['item_id'], 'unique': true}]
) }}

select
    listing.item_id,
    listing.listing_id,
    listing.notify_unit,
    listing.subject_kind,
    listing.subject_name,
    listing.identifier_shown,
    listing.case_number,
    listing.court_name,
    listing.published_on,
    listing.is_contested
from {{ ref('defaulter_listing') }} as listing
inner join {{ ref('listing_decision') }} as decision on listing.item_id = decision.item_id
where
    listing.publicity = 'N'
    and listing.notify_unit is not null
    and decision.notice_reasons is null
    {%- if is_incremental() %}
    and listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
