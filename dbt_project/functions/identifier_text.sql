select nullif(
    regexp_replace(
        upper(case when value ~ '[^ -~]' then normalize(value, nfkc) else value end), '[ \t\n\v\f\r\u2010-\u2015\u2212-]', '', 'g'
    ),
    ''
)
