select case
    when value ~ '[\uE000-\uF8FF]' then 'PRIVATE_USE'
    when value ~ '^[0-9](\.[0-9]+E\+?|E\+)[0-9]+$' then 'ID_SCIENTIFIC'
end
