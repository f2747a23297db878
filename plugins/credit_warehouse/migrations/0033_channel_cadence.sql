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
