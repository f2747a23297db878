-- Results name who answers for the rule, and results of dbt's data tests stand beside those of the gates.
alter table audit.quality_result add column owner text;
comment on table audit.quality_result is
    '质量规则的结果：入口与出口门禁（Great Expectations）、内部检验（dbt） | results of every quality rule: gates and dbt data tests';
comment on column audit.quality_result.suite is 'raw 入口 / inside 内部 / exports 出口';
comment on column audit.quality_result.target is '来源、产品，或内部检验的 模式.表.列';
comment on column audit.quality_result.rule_id is '规则';
comment on column audit.quality_result.title_zh is '规则内容（检验当时的文字）';
comment on column audit.quality_result.basis is '依据：条文或理由（检验当时的文字）';
comment on column audit.quality_result.severity is '不过时：stop 拦截 / warn 提示';
comment on column audit.quality_result.owner is '责任单位（core.rule_owner）';
comment on column audit.quality_result.success is '是否通过';
comment on column audit.quality_result.vacuous is '空过：通过，但没有检验到任何行或值';
comment on column audit.quality_result.batch_id is '所检批次（入口）';
comment on column audit.quality_result.build_id is '所检构建（内部、出口）；两者皆空为准备规则表时的检验';
