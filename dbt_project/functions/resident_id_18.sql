select case
    when value ~ '^\d{17}[\dX]$' then value
    when value ~ '^\d{15}$'
        then
            left(value, 6) || '19' || substr(value, 7)
            || {{ function('resident_id_check').include(database=false) }}(left(value, 6) || '19' || substr(value, 7))
end
