-- What recipients were told of links, and the rules under which anything was shown, are evidence too.
call audit.keep_in_ledger('exports.feed_event', 'export', '{feed,link_id}');
call audit.keep_in_ledger('exports.policy_version', 'decision', '{policy_version}');

comment on column exports.feed_event.feed is '清单';
comment on column exports.feed_event.link_id is '关联台账编号（core.subject_link）';
comment on column exports.feed_event.op is 'SPLIT 拆分，MERGE 合并';
comment on column exports.feed_event.item_id is '条目标识';
comment on column exports.feed_event.subject_id is '曾被认作或已被认作的主体';
comment on column exports.feed_event.tier is '身份层级';
comment on column exports.feed_event.rule_code is '所依关联规则';
comment on column exports.exposure_period.feed is '清单';
comment on column exports.exposure_period.entry_id is '清单内的条目标识（散列渠道为其专用散列）';
comment on column exports.exposure_period.item_id is '条目标识';
comment on column exports.exposure_period.content_hash is '所示内容的散列';
comment on column exports.exposure_period.policy_version is '所依规则版本（exports.policy_version）';
comment on column exports.exposure_period.since_sequence is '开始可见的清单序号';
comment on column exports.exposure_period.until_sequence is '不再可见的清单序号（空为仍可见）';
comment on column exports.exposure_period.ended_by is '终止理由；REPLACED 为内容更新，随后另起一行';
comment on column exports.policy_version.policy_version is '规则版本（规则内容的散列）';
comment on column exports.policy_version.channel is '渠道';
comment on column exports.policy_version.content is '当时的渠道、字段与地区规则';
comment on column exports.policy_version.first_used_at is '首次据以公开的时间';
