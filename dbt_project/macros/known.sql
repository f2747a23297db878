{# One definition serves the mart (what is known now) and the question "as known at": bitemporal rows that held at a
   moment, and facts that had been received by then. `known_at` is an SQL expression, or none for now. #}
{% macro held_at(alias, known_at) -%}
    {%- if known_at is none -%}
    {{ alias }}.recorded_to = 'infinity'
    {%- else -%}
    ({{ alias }}.recorded_from <= {{ known_at }} and {{ alias }}.recorded_to > {{ known_at }})
    {%- endif -%}
{%- endmacro %}

{% macro received_by(moment, known_at) -%}
    {{ 'true' if known_at is none else moment ~ ' <= ' ~ known_at }}
{%- endmacro %}

{% macro holds_on(alias, day) -%}
    {{ alias }}.valid_from <= {{ day }} and ({{ alias }}.valid_to is null or {{ day }} < {{ alias }}.valid_to)
{%- endmacro %}

{# When the provider last said of an item what these actions say; only its word after an outcome outranks the outcome. #}
{% macro last_said(item_id, actions, known_at) -%}
    (
        select max(event.effective_at) from {{ ref('item_event') }} as event
        where
            event.item_id = {{ item_id }}
            and event.item_action in ({% for action in actions %}'{{ action }}'{{ ', ' if not loop.last }}{% endfor %})
            and {{ received_by('event.recorded_at', known_at) }}
    )
{%- endmacro %}

{# What objections make of the items of the CTE `items`: whether one is open, whether one was upheld, and whether it was
   upheld that the item should not be there at all. Only what the provider said after the outcome outranks it: a new
   addition, or, where words were wrong, a correction. Of an item that was never added nothing outranks it. #}
{% macro objections_of_items(known_at) %}
    select
        contested.item_id,
        bool_or(objection.status = 'OPEN') as is_contested,
        bool_or(objection.status = 'UPHELD' and compared.is_last_word) as is_upheld,
        bool_or(objection.status = 'UPHELD' and compared.is_last_word and objection.objection_kind <> '信息不准')
            as is_unfounded
    from items
    inner join {{ ref('contested_item') }} as contested on items.item_id = contested.item_id
    inner join {{ ref('objection') }} as objection on contested.objection_id = objection.objection_id
    cross join lateral (
        select
            coalesce(
                objection.handled_at >= case objection.objection_kind
                    when '信息不准' then {{ last_said('items.item_id', ['A', 'U'], known_at) }}
                    else {{ last_said('items.item_id', ['A'], known_at) }}
                end,
                true
            ) as is_last_word
    ) as compared
    where {{ held_at('objection', known_at) }}
    group by contested.item_id
{%- endmacro %}

{# The provider's word on an item as it stood on a day, as a lateral join: status, and the message that said it. What is
   known to have been taken back is not used today, even where the build's day lags behind the message; of a day that
   was past by then, it is said what held on it. #}
{% macro word_on(item, day, known_at) -%}
    {%- if known_at is none -%}
    (select {{ item }}.status, {{ item }}.status_batch_id as _batch_id, {{ item }}.status_row_no as _row_no)
    {%- else -%}
    (
        select
            coalesce(then_said.status, {{ item }}.status) as status,
            coalesce(then_said._batch_id, {{ item }}.status_batch_id) as _batch_id,
            coalesce(then_said._row_no, {{ item }}.status_row_no) as _row_no
        from (select) as always
        left join lateral (
            select
                case event.item_action when 'D' then 'DELETED' else 'ACTIVE' end as status,
                event._batch_id,
                event._row_no
            from {{ ref('item_event') }} as event
            where
                event.item_id = {{ item }}.item_id
                and {{ item }}.status <> 'REVOKED'
                and {{ day }} < (
                    select max(build.business_date) from {{ source('audit', 'build') }} as build
                    where build.started_at <= {{ known_at }} and build.status <> 'failed'
                )
                and event.item_action in ('A', 'D')
                and event.recorded_at <= {{ known_at }}
                and event.effective_at::date <= {{ day }}
            order by event.effective_at desc, event.item_action desc, event.content_hash desc
            limit 1
        ) as then_said on true
    )
    {%- endif -%}
{%- endmacro %}

{# When a period that the law gives a court ends (seed rule_clock); nothing where no period is known. #}
{% macro court_due(clock_code, start) -%}
    (
        select {{ function('due_date') }}({{ start }}, clock.amount, clock.unit) from {{ ref('rule_clock') }} as clock
        where
            clock.clock_code = '{{ clock_code }}'
            and clock.binds = 'court'
            and clock.jurisdiction = 'CN'
            and clock.amount is not null
            and {{ holds_on('clock', start) }}
        order by clock.precedence
        limit 1
    )
{%- endmacro %}

{# A number that the law fixes (seed listing_rule), as it stands today. #}
{% macro rule_parameter(name) -%}
    (
        select rule.value::int from {{ ref('listing_rule') }} as rule
        where rule.parameter = '{{ name }}' and rule.valid_to is null
    )
{%- endmacro %}

{# A centre's switches (seed publication_policy). #}
{% macro policy_is_on(name, day) -%}
    exists (
        select from {{ ref('publication_policy') }} as switch
        where switch.policy = '{{ name }}' and switch.is_on and {{ holds_on('switch', day) }}
    )
{%- endmacro %}

{# The day of the build that runs. #}
{% macro build_day() -%}
    (select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }})
{%- endmacro %}

{# Whether a day has come since the last build that ended well. #}
{% macro has_come(day) -%}
    (
        {{ day }} > coalesce(
            (select max(business_date) from {{ source('audit', 'build') }} where status = 'succeeded'), '-infinity'
        )
        and {{ day }} <= {{ build_day() }}
    )
{%- endmacro %}
