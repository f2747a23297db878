{# Staging keeps a rejected row with the rule that rejected it; the evidence table lists it for the report.
   The original bytes stay in the archive under batch and row number. #}
{% macro record_rejections() -%}
    insert into audit.rejected_row (batch_id, row_no, stage, rule, field)
    select
        _batch_id,
        _row_no,
        'staging',
        reject_rule,
        reject_field
    from {{ this }}
    where
        reject_rule is not null
        {% if not flags.FULL_REFRESH -%}
        and _batch_id in (select batch_id from audit.batch where build_id = {{ current_build() }})
        {%- endif %}
    on conflict do nothing
{%- endmacro %}
