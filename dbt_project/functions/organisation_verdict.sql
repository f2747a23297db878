select case
    when value is null then 'EMPTY'
    when strpos(value, '*') > 0 and value ~ '^([0-9A-HJ-NP-RTUWXY*]{18}|[0-9A-Z*]{9})$' then 'MASKED'
    when value ~ '^[0-9A-HJ-NP-RTUWXY]{2}\d{6}[0-9A-HJ-NP-RTUWXY]{10}$'
        then
            case
                when {{ function('uscc_check') }}(left(value, 17)) = right(value, 1) then 'VALID' else 'CHECK_FAIL'
            end
    when value ~ '^[0-9A-Z]{8}[0-9X]$'
        then
            case
                when {{ function('org_code_check') }}(left(value, 8)) = right(value, 1)
                    then 'VALID'
                else 'CHECK_FAIL'
            end
    else 'STRUCT_FAIL'
end
