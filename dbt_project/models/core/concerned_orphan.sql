{# Items to match in this build: new or changed ones without a valid number, those that bear a name which a subject was
   called by today, and those linked to a subject of which something was said. #}
{{ config(incremental_strategy='refill', indexes=[{'columns': ['item_id'], 'unique': true}]) }}

select item_id from {{ ref('touched_item') }}
where
    item_id in (select item_id from {{ ref('orphan_item') }})
    or item_id in (select link.item_id from {{ source('ledger', 'subject_link') }} as link)
union
select orphan.item_id
from {{ ref('mention') }} as said
inner join {{ ref('orphan_item') }} as orphan
    on said.name_key = orphan.name_key and said.subject_kind = orphan.subject_kind
where said.subject_id is not null
union
select link.item_id
from {{ ref('mention') }} as said
inner join {{ source('ledger', 'subject_link') }} as link on said.subject_id = link.subject_id
