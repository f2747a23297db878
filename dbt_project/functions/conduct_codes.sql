select case when bool_or(code is null) then null else array_agg(distinct code order by code) end
from (
    select
        case
            when part ~ '抗拒执行' then 'D2'
            when part ~ '规避执行' then 'D3'
            when part ~ '财产报告' then 'D4'
            when part ~ '限制高?消费' then 'D5'
            when part ~ '和解协议' then 'D6'
            when part ~ '有履行能力' then 'D1'
        end as code
    from regexp_split_to_table(value, '[,，;；]') as part
    where btrim(part) <> ''
) as coded
