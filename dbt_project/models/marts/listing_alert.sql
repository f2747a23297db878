{# What somebody has to ask the court about, one row per listing and question, on the day of the newest build. #}
{{ config(materialized='view') }}

with today as (
    select max(business_date) as day from {{ source('audit', 'build') }} where status <> 'failed'
),

in_force as (
    select
        listing.*,
        today.day
    from {{ ref('defaulter_listing') }} as listing
    inner join {{ ref('credit_item') }} as item on listing.item_id = item.item_id and item.recorded_to = 'infinity'
    cross join today
    where item.status = 'ACTIVE'
),

relisted as (
    select
        in_force.item_id,
        max(earlier.valid_to) as deleted_on
    from in_force
    inner join {{ ref('defaulter_listing') }} as earlier
        on
            in_force.subject_id = earlier.subject_id
            and in_force.case_number = earlier.case_number
            and in_force.item_id <> earlier.item_id
            and earlier.delete_reason = 'X3'
            and earlier.valid_to <= in_force.valid_from
            and in_force.valid_from
            < (earlier.valid_to + make_interval(months => {{ rule_parameter('RELIST_MONTHS') }}))::date
    group by in_force.item_id
),

performed as (
    select
        event.item_id,
        min(event.effective_at)::date as since
    from in_force
    inner join {{ ref('item_event') }} as event on in_force.item_id = event.item_id
    inner join {{ ref('stg_court_defaulters') }} as said
        on event._batch_id = said._batch_id and event._row_no = said._row_no and said.is_performed
    where in_force.is_performed
    group by event.item_id
),

objections as (
    select
        contested.item_id,
        min(objection.filed_at)::date as filed_on
    from in_force
    inner join {{ ref('contested_item') }} as contested on in_force.item_id = contested.item_id
    inner join {{ ref('objection') }} as objection
        on
            contested.objection_id = objection.objection_id
            and objection.recorded_to = 'infinity'
            and objection.status = 'OPEN'
    where in_force.is_contested
    group by contested.item_id
)

select
    in_force.item_id,
    in_force.listing_id,
    in_force.court_name,
    found.alert,
    found.alert_zh,
    found.rule,
    found.since
from in_force
left join relisted on in_force.item_id = relisted.item_id
left join performed on in_force.item_id = performed.item_id
left join objections on in_force.item_id = objections.item_id
cross join lateral (
    values
    (
        'TERM_OVER_MINIMUM', '基本期限届满，法定时限内仍在列，请法院确认', 'R12', in_force.expiry_min,
        in_force.day > {{ court_due('DELETE_AFTER_TERM', 'in_force.expiry_min') }}
        and in_force.day <= {{ court_due('DELETE_AFTER_TERM', 'in_force.valid_to') }}
    ),
    (
        'TERM_OVER_MAXIMUM', '最长期限届满，法定时限内法院仍未删除，已停止使用，升级处理', 'R12', in_force.valid_to,
        in_force.day > {{ court_due('DELETE_AFTER_TERM', 'in_force.valid_to') }}
    ),
    (
        'PERFORMED_AWAITS_COURT', '已全部履行，待法院删除', 'R12', null::date,
        in_force.is_performed and in_force.status <> 'EXPIRED'
    ),
    (
        'DELETION_OVERDUE', '无期限的列入已全部履行，法定时限内法院仍未删除', 'R11', performed.since,
        in_force.term_class = 'NONE'
        and in_force.day > {{ court_due('DELETE_ART10', 'performed.since') }}
    ),
    (
        'OBJECTION_OVERDUE', '异议审查已超过法定期限', 'R15', objections.filed_on,
        in_force.day > {{ court_due('OBJECTION_REVIEW', 'objections.filed_on') }}
    ),
    ('REPAIRED_AWAITS_COURT', '已有修复决定，待法院确认', 'REPAIR', null, in_force.is_repaired),
    ('MINOR_LISTED', '列入时未成年，报法院撤销', 'R5', in_force.valid_from, in_force.is_minor),
    (
        'IDENTITY_CONFLICT', '姓名、性别或出生日期与证件号码不一致，退回核实', 'PIPL8', null,
        in_force.has_identity_conflict
    ),
    (
        'UPHELD_NOT_CORRECTED', '异议成立，待法院纠正', 'R15', null, in_force.is_objection_upheld
    ),
    (
        'NO_UNIT_TO_NOTIFY', '不宜公开而未说明通报单位', 'R9', null,
        in_force.publicity = 'N' and in_force.notify_unit is null
    ),
    (
        'RELISTED_TOO_SOON', '申请执行人申请删除后未满规定间隔再次列入，请法院确认', 'R13', relisted.deleted_on,
        relisted.deleted_on is not null
    )
) as found (alert, alert_zh, rule, since, applies)
where found.applies
