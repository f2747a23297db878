with read as (
    select
        {{ function('person_verdict') }}(value) as person,
        {{ function('organisation_verdict') }}(value) as organisation
)

select case
    when person = 'MASKED' then 'person'
    when length(value) <> 18 then case when organisation in ('VALID', 'CHECK_FAIL') then 'organisation' end
    -- A number whose check character fits one reading only is of that kind; one that fits both could be either.
    when person = 'VALID' and organisation <> 'VALID' then 'person'
    when organisation = 'VALID' and person <> 'VALID' then 'organisation'
    when person = 'CHECK_FAIL' and organisation <> 'CHECK_FAIL' then 'person'
    when organisation = 'CHECK_FAIL' and person <> 'CHECK_FAIL' then 'organisation'
end
from read
