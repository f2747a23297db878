select nullif(
    regexp_replace(
        upper(case when value ~ '[^ -~]' then normalize(value, nfkc) else value end), '[\s\u3000-]', '', 'g'
    ),
    ''
)
