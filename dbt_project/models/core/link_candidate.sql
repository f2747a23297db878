{# Subjects that an item without a valid number may mean. What a rule may decide alone goes into the ledger at once; what
   it may not waits in marts.identity_review. #}
{{ config(
    incremental_strategy='replace_changed',
    changed='concerned_orphan',
    unique_key='item_id',
    indexes=[{'columns': ['item_id', 'subject_id'], 'unique': true}, {'columns': ['subject_id']}],
    post_hook=['{{ undo_links() }}', '{{ write_links() }}']
) }}
-- depends_on: {{ ref('identity_tier') }} {{ ref('subject_registration') }}
select
    compared.item_id,
    compared.subject_id,
    compared.subject_kind,
    split_part(compared.rule_code, '_', 1) as tier,
    compared.rule_code,
    compared.evidence,
    compared.basis,
    count(*) over (partition by compared.item_id) = 1 as is_sole,
    compared.content_batch_id,
    compared.content_row_no
from {{ ref('identity_comparison') }} as compared
where
    compared.rule_code is not null
    -- One range of an index for each item, not all that bear its name.
    and compared.number_shown >= compared.number_prefix
    and compared.number_shown <= compared.number_prefix || '~'
    {%- if is_incremental() %}
    and compared.item_id in (select item_id from {{ ref('concerned_orphan') }})
    {%- endif %}
