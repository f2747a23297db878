select case
    when length(value) > 300 then 'NAME_TOO_LONG'
    when value ~ '[\uE000-\uF8FF]' or value ~ '[\U000F0000-\U0010FFFD]' then 'PRIVATE_USE'
end
