{# Incremental strategy `replace_changed`: delete every key that changed in this build, insert what the model
   says of them now. Unlike delete+insert it also removes keys that have nothing left to say, which is how a
   withdrawn listing leaves a mart. `changed` names the model that lists the keys. #}
{% macro get_incremental_replace_changed_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set key = arg_dict['unique_key'] -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ key }} in (select {{ key }} from {{ ref(config.require('changed')) }});

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}
