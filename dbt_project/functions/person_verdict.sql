select case
    when value is null then 'EMPTY'
    when strpos(value, '*') > 0 and value ~ '^([0-9*]{15}|[0-9*]{17}[0-9X*])$' then 'MASKED'
    when {{ function('resident_id_18') }}(value) is null then 'STRUCT_FAIL'
    when not pg_input_is_valid(substr({{ function('resident_id_18') }}(value), 7, 8), 'date') then 'STRUCT_FAIL'
    when
        substr({{ function('resident_id_18') }}(value), 7, 8)
        not between '18800101' and to_char(current_date, 'YYYYMMDD')
        then 'STRUCT_FAIL'
    when {{ function('resident_id_check') }}(left({{ function('resident_id_18') }}(value), 17)) <> right(value, 1)
        and length(value) = 18 then 'CHECK_FAIL'
    else 'VALID'
end
