-- A channel that is not written every day hears of what changed in between on its day: until then the items wait here.

create table exports.waiting_item (
    channel text not null,
    item_id text not null,
    primary key (channel, item_id)
);
comment on table exports.waiting_item is
    '已变化、等待该渠道之日的条目 | items that changed and wait for the day of a channel';
comment on column exports.waiting_item.channel is '渠道';
comment on column exports.waiting_item.item_id is '条目标识';

-- How often the site of a feed was asked on a day, as the operator of its web server reports it: no word of whom.
create table audit.site_queries (
    feed text not null,
    day date not null,
    queries bigint not null check (queries >= 0),
    file_sha256 text not null,
    taken_at timestamptz not null default clock_timestamp(),
    primary key (feed, day)
);
comment on table audit.site_queries is
    '公开查询网站每日查询次数，由网站运营方报告，不含访问者信息 | queries of a public site by day, as its operator reports them';
comment on column audit.site_queries.feed is '网站所示清单';
comment on column audit.site_queries.day is '日期';
comment on column audit.site_queries.queries is '查询次数';
comment on column audit.site_queries.file_sha256 is '报告文件的散列';
comment on column audit.site_queries.taken_at is '接收时间';
