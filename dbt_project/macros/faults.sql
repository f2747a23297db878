{# Branches of a `judged` case: the name or the number cannot be read as what was written, so that nobody knows who is
   meant. They stand in the way of what is put on somebody, never of what is taken off: `describes` is the condition
   under which a row puts something on. #}
{% macro who_is_unreadable(name_field, identifier_field, describes='true') -%}
    when {{ describes }} and {{ function('name_fault') }}(subject_name) is not null
        then {{ function('name_fault') }}(subject_name) || ':{{ name_field }}'
    when {{ describes }} and {{ function('identifier_fault') }}(identifier) is not null
        then {{ function('identifier_fault') }}(identifier) || ':{{ identifier_field }}'
{%- endmacro %}
