-- Month and day of birth are hidden in whatever has the length of a person's number, an unfinished mask included.
-- A wrong number of an organisation may be its owner's.
select case
    when value is null then null
    when kind = 'organisation' and (
        value !~ '^\d{17}[\dX]$'
        or {{ function('organisation_verdict') }}(value) = 'VALID'
    ) then value
    when length(coalesce({{ function('resident_id_18') }}(value), value)) = 18
        then
            left(coalesce({{ function('resident_id_18') }}(value), value), 10) || '****'
            || right(coalesce({{ function('resident_id_18') }}(value), value), 4)
    when length(value) = 15 and strpos(value, '*') > 0 then left(value, 8) || '****' || right(value, 3)
    else left(value, 4) || repeat('*', greatest(length(value) - 4, 0))
end
