-- Where a number was issued: information with years (seed division), never a reason to reject.
select case
    when
        value ~ '^[0-9A-HJ-NP-RTUWXY]{2}\d{6}[0-9A-HJ-NP-RTUWXY]{10}$'
        and {{ function('organisation_verdict').include(database=false) }}(value) = 'VALID'
        then substr(value, 3, 6)
    when {{ function('document_kind').include(database=false) }}(value) <> 'PERMANENT_RESIDENCE' then left(value, 6)
end
