{# The build that runs now; audit.build knows it, so that no variable changes from day to day and dbt's
   partial parse stays valid. #}
{% macro current_build() -%}
    (select max(build_id) from {{ source('audit', 'build') }} where status = 'running')
{%- endmacro %}

{# Accepted batches of one source that this build has to take in; all of them when the table is built anew.
   `transient` models are rebuilt every time and hold one build only. The database picks the batches, so that the
   same SQL serves the removal lane, which reads them before any build does. #}
{% macro batches(source_name, transient=false) -%}
    {%- set everything = not (is_incremental() or (transient and not flags.FULL_REFRESH)) -%}
    select batch_id from audit.batches_in_hand('{{ source_name }}', {{ everything }})
{%- endmacro %}

{# Declared sources as the orchestrator found them: "name:delivery:item" separated by commas, item being "item"
   or "relation". A source is added by its two files; nothing here lists it. #}
{% macro declared_sources(only_items=false) -%}
    {%- set found = [] -%}
    {%- for entry in env_var('DBT_WAREHOUSE_SOURCES').split(',') -%}
        {%- set parts = entry.split(':') -%}
        {%- if parts[2] == 'item' or not only_items -%}
            {%- do found.append({'name': parts[0], 'delivery': parts[1], 'is_item': parts[2] == 'item'}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The last build that ended well; a failed one may have noted a name already. #}
{% macro last_good_build() -%}
    coalesce((select max(build_id) from {{ source('audit', 'build') }} where status = 'succeeded'), 0)
{%- endmacro %}
