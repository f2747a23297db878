select case
    when {{ function('identifier_verdict') }}(kind, value) is distinct from 'VALID' then null
    when kind = 'person' then vault.token('resident_id:' || {{ function('resident_id_18') }}(value))
    when length(value) = 18 then vault.token('org_code:' || substr(value, 9, 9))
    else vault.token('org_code:' || value)
end
