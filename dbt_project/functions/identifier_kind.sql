select case
    when {{ function('person_verdict').include(database=false) }}(value) = 'MASKED' then 'person'
    when length(value) = 18 and {{ function('person_verdict').include(database=false) }}(value) in ('VALID', 'CHECK_FAIL') then 'person'
    when {{ function('organisation_verdict').include(database=false) }}(value) in ('VALID', 'CHECK_FAIL') then 'organisation'
end
