select case kind
    when 'person' then {{ function('person_verdict').include(database=false) }}(value)
    when 'organisation' then {{ function('organisation_verdict').include(database=false) }}(value)
end
