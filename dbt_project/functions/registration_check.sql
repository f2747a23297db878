{#- ISO 7064 MOD 11,10, one step a digit. -#}
{%- set ns = namespace(state='10') -%}
{%- for place in range(1, 15) -%}
{%- set ns.state = '(coalesce(nullif((' ~ ns.state ~ ' + substr(value, ' ~ place ~ ', 1)::int) % 10, 0), 10) * 2 % 11)' -%}
{%- endfor -%}
select ((11 - {{ ns.state }}) % 10)::text
