-- Only tighter: what is hidden already stays hidden.
select case mask
    when 'COURT' then shown
    when 'DIVISION' then left(shown, 6) || repeat('*', greatest(length(shown) - 6, 0))
    when 'ENDS' then left(shown, 3) || repeat('*', greatest(length(shown) - 6, 0)) || right(shown, 3)
end
