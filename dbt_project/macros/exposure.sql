{# What may be shown to the public: the fields of Art. 6 (法释〔2013〕17号, 2017 revision) and that an objection is open.
   Address, photograph, telephone, family and the free text of the duty are not among them. #}
{% macro exposure_publications(listings, decisions, changed_only=false) %}
select
    listing.item_id,
    listing.listing_id,
    listing.subject_kind,
    listing.subject_name,
    listing.identifier_shown,
    case listing.subject_kind when 'person' then listing.sex end as sex,
    case listing.subject_kind when 'person' then listing.age end as age,
    case listing.subject_kind when 'organisation' then listing.legal_representative end as legal_representative,
    listing.case_number,
    listing.court_name,
    listing.court_province,
    listing.basis_document,
    listing.basis_unit,
    listing.performance,
    (
        select string_agg(known.conduct_zh, '；' order by known.conduct_code)
        from {{ ref('conduct_code') }} as known
        where known.conduct_code = any(string_to_array(listing.conduct_codes, ','))
    ) as conduct,
    listing.filed_on,
    listing.published_on,
    listing.is_contested
from {{ listings }} as listing
inner join {{ decisions }} as decision on listing.item_id = decision.item_id
where
    decision.exposure_reasons is null
    {%- if changed_only %}
    and listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
{% endmacro %}
