{# Rows of a seed, a thousand a statement. dbt's own asks a macro for the placeholder of each cell, which takes longer
   than everything else that is prepared. #}
{% macro postgres__load_csv_rows(model, agate_table) -%}
    {%- set columns = agate_table.column_names -%}
    {%- set row_of_values = '(' ~ (['%s'] * (columns | length)) | join(', ') ~ ')' -%}
    {%- set statements = [] -%}
    {%- for chunk in agate_table.rows | batch(1000) -%}
        {%- set bindings = [] -%}
        {%- for row in chunk -%}
            {%- do bindings.extend(row) -%}
        {%- endfor -%}
        {%- set statement = 'insert into ' ~ this ~ ' (' ~ get_seed_column_quoted_csv(model, columns) ~ ') values '
            ~ ([row_of_values] * (chunk | length)) | join(', ') -%}
        {%- do adapter.add_query(statement, bindings=bindings, abridge_sql_log=true) -%}
        {%- do statements.append(statement) -%}
    {%- endfor -%}
    {{ return(statements[0]) }}
{%- endmacro %}
