-- The name without its legal form, whole and with one character left out at every place, as numbers: names that differ in
-- one character share one. A branch keeps its ending, so that it stays apart from its parent.
select array_agg(distinct hashtextextended(variant, 0))
from (select case when value ~ '分公司$' then value else regexp_replace(value, '(集团)?(股份)?(有限)?(责任)?公司$', '') end as stem)
cross join lateral (
    select stem as variant
    union all
    select overlay(stem placing '' from place for 1) from generate_series(1, length(stem)) as place
)
where length(stem) >= 4
