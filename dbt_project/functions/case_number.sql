select regexp_replace(
    translate(regexp_replace(normalize(value, nfkc), '\s', '', 'g'), '〔〕[]【】', '()()()'),
    '字第0+(\d)', '字第\1'
)
