select nullif(btrim(value, e' \t\r\n\u3000\u00a0'), '')
where btrim(value, e' \t\r\n\u3000\u00a0') not in (
    '\N', 'NULL', 'null', 'None', '暂无', '无', '未公开', '-', '—', '——', '— —', '/', 'N/A'
)
