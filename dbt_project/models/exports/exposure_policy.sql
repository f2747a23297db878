{# The rules under which each channel shows what it shows, by a version that is kept with everything that was shown
   (exports.exposure_period): a channel that is switched on and in force on the day of the last good build. #}
{{ config(materialized='view') }}

with today as (
    select max(business_date) as day from {{ source('audit', 'build') }} where status = 'succeeded'
),

ruled as (
    select
        declared.channel,
        declared.channel_zh,
        declared.feed,
        jsonb_build_object(
            'channel', to_jsonb(declared),
            'fields', (
                select jsonb_agg(to_jsonb(rule) order by rule.field)
                from {{ ref('publication_field') }} as rule
                where
                    rule.field = any(string_to_array(declared.fields, '|'))
                    and rule.is_shown
                    and {{ holds_on('rule', 'today.day') }}
            ),
            'jurisdictions', (
                select jsonb_agg(to_jsonb(rule) order by rule.rule_id)
                from {{ ref('publication_jurisdiction') }} as rule
                where {{ holds_on('rule', 'today.day') }}
            )
        ) as content
    from {{ ref('exposure_channel') }} as declared
    cross join today
    where declared.is_enabled and {{ holds_on('declared', 'today.day') }}
)

select
    channel,
    channel_zh,
    feed,
    left(md5(content::text), 16) as policy_version,
    content
from ruled
