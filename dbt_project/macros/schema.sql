{# A layer's schema carries its own name, without a prefix: the same names in every installation. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
