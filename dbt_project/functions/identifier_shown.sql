select case
    when value is null then null
    when kind = 'organisation' or strpos(value, '*') > 0 then value
    when length({{ function('resident_id_18').include(database=false) }}(value)) = 18
        then
            left({{ function('resident_id_18').include(database=false) }}(value), 10) || '****'
            || right({{ function('resident_id_18').include(database=false) }}(value), 4)
    else left(value, 4) || repeat('*', greatest(length(value) - 4, 0))
end
