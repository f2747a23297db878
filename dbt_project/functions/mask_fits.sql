-- `_` of LIKE is one character of any kind.
select coalesce(mask ~ '^[0-9A-Z*]+$' and length(mask) = length(value) and value like replace(mask, '*', '_'), false)
