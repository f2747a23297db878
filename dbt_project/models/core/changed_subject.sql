{{ config(materialized='table', indexes=[{'columns': ['subject_id'], 'unique': true}]) }}

select item.subject_id
from {{ ref('credit_item') }} as item
inner join {{ ref('changed_item') }} as changed on item.item_id = changed.item_id
where item.subject_id is not null
union
select subject_id from {{ ref('mention') }}
where subject_id is not null
