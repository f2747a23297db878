select case
    when {{ function('resident_id_18') }}(value) is null then null
    when left(value, 1) = '9' then 'PERMANENT_RESIDENCE'
    when left(value, 6) in ('810000', '820000', '830000') then 'RESIDENCE_PERMIT'
    else 'RESIDENT'
end
