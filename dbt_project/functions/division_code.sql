-- Where a number was issued: information with years (seed division), never a reason to reject. One whose check character
-- fits a person and an organisation could have been issued in either place.
select case
    when length(value) = 18 and {{ function('organisation_verdict') }}(value) = 'VALID'
        then
            case
                when value ~ '^\d{17}[\dX]$'
                    and {{ function('resident_id_check') }}(left(value, 17)) = right(value, 1)
                    then null
                else substr(value, 3, 6)
            end
    when {{ function('document_kind') }}(value) <> 'PERMANENT_RESIDENCE' then left(value, 6)
end
