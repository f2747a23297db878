{# Relations are named without their database, as PostgreSQL itself does: what a function says as text then holds in a
   copy of the database under another name, too. #}
{% macro ref() -%}
    {{ return(builtins.ref(*varargs, **kwargs).include(database=false)) }}
{%- endmacro %}

{% macro source() -%}
    {{ return(builtins.source(*varargs, **kwargs).include(database=false)) }}
{%- endmacro %}

{% macro function() -%}
    {{ return(builtins.function(*varargs, **kwargs).include(database=false)) }}
{%- endmacro %}
