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

{# The court's word on an item as it stood on a day. What is known to have been taken back is not used today, even where
   the build's day lags behind the message; of a day that was past when it was asked about, it is said what held then. #}
{% macro status_on(item, day, known_at) -%}
    {%- if known_at is none -%}
    {{ item }}.status
    {%- else -%}
    case
        when {{ item }}.status = 'REVOKED' or {{ day }} >= {{ known_at }}::date then {{ item }}.status
        else coalesce(
            (
                select case event.item_action when 'D' then 'DELETED' else 'ACTIVE' end
                from {{ ref('item_event') }} as event
                where
                    event.item_id = {{ item }}.item_id
                    and event.item_action in ('A', 'D')
                    and event.recorded_at <= {{ known_at }}
                    and event.effective_at::date <= {{ day }}
                order by event.effective_at desc, event.item_action desc, event.content_hash desc
                limit 1
            ),
            {{ item }}.status
        )
    end
    {%- endif -%}
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
        select from {{ ref('publication_policy').include(database=false) }} as switch
        where switch.policy = '{{ name }}' and switch.is_on and {{ holds_on('switch', day) }}
    )
{%- endmacro %}

{# The day of the build that runs. #}
{% macro build_day() -%}
    (select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }})
{%- endmacro %}
