select nullif(
    translate(
        regexp_replace(normalize(value, nfkc), '\s', '', 'g'), '〔〕[]【】•‧・･∙⋅●.', '()()()········'
    ),
    ''
)
