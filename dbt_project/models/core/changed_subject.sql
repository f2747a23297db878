{{ config(incremental_strategy='refill', indexes=[{'columns': ['subject_id'], 'unique': true}]) }}

select item.subject_id
from {{ ref('credit_item') }} as item
inner join {{ ref('changed_item') }} as changed on item.item_id = changed.item_id
where item.subject_id is not null
union
-- What is linked counts where it is linked to, and no longer where it was.
select subject_id from {{ ref('changed_link') }}
union
select link.subject_id
from {{ source('ledger', 'subject_link') }} as link
inner join {{ ref('changed_item') }} as changed on link.item_id = changed.item_id
union
select subject_id from {{ ref('mention') }}
where subject_id is not null
