select case
    when value in ('男', '男性', '1', '09_00003-1', 'M') then '男'
    when value in ('女', '女性', '2', '09_00003-2', 'F') then '女'
end
