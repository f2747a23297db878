-- The text of a duty names third parties, accounts and addresses. What passes is a word of this list and, of a duty to
-- pay, the amount where the text has just one: nothing that was written is repeated. Where a number of anything else is
-- spoken of, no number passes.
with said as (
    select
        value as written,
        value ~ '(支付|给付|偿还|返还|归还|赔偿|清偿|缴纳|履行|付清|承担).*(款|元|金|费|息|债务|租|薪|工资|报酬)' as is_payment,
        value ~ '(交付|腾退|搬离|迁出|拆除|恢复原状|停止侵害|排除妨害|赔礼道歉|过户|协助|配合|移交|修复)' as is_act,
        value ~ '(账|帐|卡|户|电话|手机|联系|身份证|证件|编|车牌|产权)' as names_a_number
    where value is not null
),

amounts as (
    select found.m[1] as number, found.m[2] as unit
    from said
    cross join lateral regexp_matches(
        regexp_replace(normalize(said.written, NFKC), '(\d),(?=\d{3}(?!\d))', '\1', 'g'),
        '(?<![\dA-Za-z*.,-])(\d{1,10}(?:\.\d{1,2})?)\s*(万|亿)?元', 'g'
    ) as found (m)
),

amount as (
    select max(amounts.number::numeric * case amounts.unit when '万' then 10000 when '亿' then 100000000 else 1 end) as yuan
    from amounts
    having count(*) = 1
)

select case
    when said.is_payment and not said.names_a_number and amount.yuan is not null
        then '金钱给付义务，' || trim_scale(amount.yuan) || '元'
    when said.is_payment then '金钱给付义务'
    when said.is_act then '行为义务'
    else '其他义务'
end
from said
left join amount on true
