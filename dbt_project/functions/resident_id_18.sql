-- One expression, so that PostgreSQL can inline it. Sequence numbers 996 to 999 of the 15-digit form were kept for
-- those born before 1900.
select case
    when value ~ '^\d{17}[\dX]$' then value
    when value ~ '^\d{12}99[6-9]$'
        then
            left(value, 6) || '18' || substr(value, 7)
            || {{ function('resident_id_check') }}(left(value, 6) || '18' || substr(value, 7))
    when value ~ '^\d{15}$'
        then
            left(value, 6) || '19' || substr(value, 7)
            || {{ function('resident_id_check') }}(left(value, 6) || '19' || substr(value, 7))
end
