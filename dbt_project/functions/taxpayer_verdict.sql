-- The best of the readings that the length allows.
with read as (
    select unnest(case
        when length(value) = 18
            then array[
                {{ function('organisation_verdict') }}(value),
                {{ function('person_verdict') }}(value)
            ]
        when length(value) = 15
            then array[
                {{ function('person_verdict') }}(value),
                case
                    when value ~ '^\d{6}[0-9A-Z]{8}[0-9X]$'
                        then {{ function('organisation_verdict') }}(right(value, 9))
                end
            ]
        when length(value) in (17, 20) and value ~ '\d{2}$'
            then array[{{ function('person_verdict') }}(left(value, -2))]
    end) as verdict
)

select case
    when value is null then 'EMPTY'
    when
        strpos(value, '*') > 0 and value ~ '^([0-9A-Z*]{15}|[0-9*]{17}|[0-9A-Z*]{18}|[0-9X*]{20})$'
        then 'MASKED'
    else coalesce(
        (
            select read.verdict from read
            where read.verdict in ('VALID', 'CHECK_FAIL', 'MASKED')
            order by array_position(array['VALID', 'CHECK_FAIL', 'MASKED'], read.verdict)
            limit 1
        ),
        'STRUCT_FAIL'
    )
end
