with pieces as (
    select regexp_match(
        value, '^(\d{4})(?:(\d{2})(\d{2})|\s*(?:年|[-/.])\s*(\d{1,2})\s*(?:月|[-/.])\s*(\d{1,2})日?)(?:[ T]\d{1,2}:.*)?$'
    ) as m
)

select m[1] || '-' || lpad(coalesce(m[2], m[4]), 2, '0') || '-' || lpad(coalesce(m[3], m[5]), 2, '0')
from pieces
