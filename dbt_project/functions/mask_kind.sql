select case
    when strpos(value, '*') = 0 or value is null then null
    when value ~ '^\d{10}[*]{4}\d{3}[\dX]$' then 'COURT'
    when value ~ '^\d{6}[*]{12}$' then 'DIVISION'
    when value ~ '^\d{3}[*]{12}\d{2}[\dX]$' then 'ENDS'
    else 'OTHER'
end
