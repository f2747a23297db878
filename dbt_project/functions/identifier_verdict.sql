select case kind
    when 'person' then {{ function('person_verdict') }}(value)
    when 'organisation' then {{ function('organisation_verdict') }}(value)
end
