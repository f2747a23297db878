{# The subject of an item, as a lateral join: its own, or the one that a standing link of the ledger leads to. What has a
   valid number of its own is never asked for. #}
{% macro whose(item, day, known_at=none) -%}
    (
        select
            link.subject_id,
            link.tier,
            link.rule_code
        from core.standing_link(
            {{ item }}.item_id,
            core.link_basis(
                {{ item }}.subject_kind, {{ item }}.subject_name, {{ item }}.identifier_shown, {{ item }}.identifier_verdict
            ),
            {{ day }},
            {{ 'null' if known_at is none else known_at }}
        ) as link
        where {{ item }}.subject_id is null
    )
{%- endmacro %}

{# The last word of the ledger on an item, as a lateral join. #}
{% macro last_link(item_id) -%}
    (
        select word.*
        from {{ source('ledger', 'subject_link') }} as word
        where word.item_id = {{ item_id }}
        order by word.link_id desc
        limit 1
    )
{%- endmacro %}

{# Links that what is known now does not carry any more. A reviewer's link ends when the item has a number of its own or
   says something else of who it is; a rule's link also when the rule would not make it today. #}
{% macro undo_links() %}
insert into {{ source('ledger', 'subject_link') }}
(item_id, subject_id, action, tier, rule_code, rule_version, evidence, basis, decided_by)
select
    held.item_id,
    held.subject_id,
    'UNLINK',
    held.tier,
    held.rule_code,
    held.rule_version,
    coalesce(candidate.evidence, held.evidence),
    coalesce(orphan.basis, held.basis),
    'rule'
from {{ ref('concerned_orphan') }} as concerned
cross join lateral {{ last_link('concerned.item_id') }} as held
left join {{ ref('orphan_item') }} as orphan on held.item_id = orphan.item_id
left join {{ this }} as candidate
    on held.item_id = candidate.item_id and held.subject_id = candidate.subject_id
where
    held.action = 'LINK'
    and (
        orphan.basis is distinct from held.basis
        or (held.decided_by = 'rule' and (candidate.rule_code is distinct from held.rule_code or not candidate.is_sole))
    )
{% endmacro %}

{# Links that a rule may make alone: one candidate, which no reviewer has refused or undone while the item says the same. #}
{% macro write_links() %}
insert into {{ source('ledger', 'subject_link') }}
(item_id, subject_id, action, tier, rule_code, rule_version, evidence, basis, decided_by)
select
    candidate.item_id,
    candidate.subject_id,
    'LINK',
    candidate.tier,
    candidate.rule_code,
    policy.rule_version,
    candidate.evidence,
    candidate.basis,
    'rule'
from {{ ref('concerned_orphan') }} as concerned
inner join {{ this }} as candidate on concerned.item_id = candidate.item_id
inner join {{ ref('identity_tier') }} as policy
    on candidate.rule_code = policy.rule_code and {{ holds_on('policy', build_day()) }}
left join lateral {{ last_link('candidate.item_id') }} as held on true
where
    candidate.is_sole
    and candidate.tier = 'T2'
    and not policy.needs_reviewer
    and held.action is distinct from 'LINK'
    and not coalesce(held.decided_by = 'reviewer' and held.basis = candidate.basis, false)
    and not exists (
        select from {{ source('ledger', 'link_rejection') }} as refused
        where
            refused.item_id = candidate.item_id
            and refused.subject_id = candidate.subject_id
            and refused.basis = candidate.basis
    )
{% endmacro %}

{# Whether a centre lets a product rest on links of the rule by which a listing was attributed; never beyond T2. #}
{% macro link_may_reach(product, listing, day) -%}
    exists (
        select from {{ ref('identity_tier') }} as policy
        where
            policy.rule_code = {{ listing }}.identity_rule
            and policy.tier = {{ listing }}.identity_tier
            and policy.tier = 'T2'
            and policy.may_reach_{{ product }}
            and {{ holds_on('policy', day) }}
    )
{%- endmacro %}
