{# What dbt does with an incremental model whose table exists, in three statements instead of a dozen: a day of few rows
   costs what dbt asks the database around it. The first build and a full refresh are dbt's own.
   Contracts hold all the same: a full refresh enforces them on the table (a changed rule makes one), and what a model
   brings later has to have the columns and types of that table. #}
{% materialization incremental, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_table or should_full_refresh() -%}
        {{ return(dbt.materialization_incremental_default()) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set temp = make_temp_relation(target) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('read', fetch_result=true) -%}
        create temporary table {{ temp }} on commit drop as (
            {{ sql }}
        );
        {{ columns_in_common(temp, target) }}
    {%- endcall %}
    {%- set found = load_result('read').table.rows[0] -%}
    {%- if found['different'] is not none -%}
        {% do exceptions.raise_compiler_error(target ~ ': columns or types changed without a full refresh: ' ~ found['different']) %}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for name in found['same'].split(',') -%}
        {%- do columns.append({'name': name}) -%}
    {%- endfor -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {% call statement('main') -%}
        {{ strategy({
            'target_relation': target,
            'temp_relation': temp,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns,
            'incremental_predicates': none,
        }) }}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}

{# One row: the columns both relations have with the same type, and those that only one of them has. #}
{% macro columns_in_common(one, other) -%}
    with paired as (
        select attname, count(*) = 2 as is_same
        from pg_attribute
        where
            attrelid in ('{{ one }}'::regclass, '{{ other }}'::regclass)
            and attnum > 0
            and not attisdropped
        group by attname, atttypid
    )

    select
        string_agg(attname, ',' order by attname) filter (where is_same) as same,
        string_agg(distinct attname, ', ') filter (where not is_same) as different
    from paired
{%- endmacro %}

{# Incremental strategy `refill`: what a model holds is of one build alone. #}
{% macro get_incremental_refill_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    truncate {{ arg_dict['target_relation'] }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}
