{#- Private-use characters of old GB18030 tables become those of 2022 here, once for every text; raw keeps the original. -#}
{%- set repair = {'private_use': '', 'character': ''} -%}
{%- set characters = ref('pua_character') -%}
{%- if execute -%}
    {%- set found = run_query(
        "select string_agg(chr(('x' || lpad(substr(private_use, 3), 8, '0'))::bit(32)::int), '' order by private_use),"
        " string_agg(\"character\", '' order by private_use) from " ~ characters
    ) -%}
    {%- do repair.update({'private_use': found.rows[0][0], 'character': found.rows[0][1]}) -%}
{%- endif -%}
with trimmed as (
    select btrim(
        translate(value, '{{ repair.private_use }}', '{{ repair.character }}'), e' \t\r\n\u3000\u00a0\ufeff\u200b'
    ) as text
)

select nullif(text, '')
from trimmed
where text not in (
    '\N', 'NULL', 'null', 'None', '暂无', '无', '未公开', '-', '—', '——', '— —', '/', 'N/A'
)
