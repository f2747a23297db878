select case
    when value is null then 'EMPTY'
    when strpos(value, '*') > 0 and value ~ '^([0-9*]{13}|[0-9*]{15})$' then 'MASKED'
    when value ~ '^\d{13}$' then 'VALID'
    when value ~ '^\d{15}$'
        then
            case
                when {{ function('registration_check') }}(left(value, 14)) = right(value, 1)
                    then 'VALID'
                else 'CHECK_FAIL'
            end
    else 'STRUCT_FAIL'
end
