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
