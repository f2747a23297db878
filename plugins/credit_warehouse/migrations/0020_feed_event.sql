-- What each recipient was told of links: that an item is taken for somebody (MERGE), and that it is not any more (SPLIT).
-- Told is what stands in a delivery; the reason for it is a row of core.subject_link.

create table exports.feed_event (
    feed text not null,
    link_id bigint not null,
    sequence bigint not null,
    op text not null check (op in ('SPLIT', 'MERGE')),
    item_id text not null,
    subject_id text not null,
    tier text not null,
    rule_code text not null,
    primary key (feed, link_id)
);
create index feed_event_by_item on exports.feed_event (item_id, feed);
comment on table exports.feed_event is
    '已告知各接收方的合并与拆分，只增不改 | merges and splits told to each recipient; append-only';

-- Of what is out already on the strength of a link, nobody was told; the split of it has to find something.
insert into exports.feed_event (feed, link_id, sequence, op, item_id, subject_id, tier, rule_code)
select distinct entry.feed, last.link_id, 0, 'MERGE', last.item_id, last.subject_id, last.tier, last.rule_code
from (
    select distinct on (link.item_id) link.* from core.subject_link as link order by link.item_id, link.link_id desc
) as last
inner join exports.feed_entry as entry on last.item_id = entry.item_id
where last.action = 'LINK';
comment on column exports.feed_event.sequence is
    '所在清单；0 为此表建立之前已出库者 | the delivery that told it; 0 for what was out before this table was made';

create trigger append_only before update or delete or truncate on exports.feed_event
for each statement execute function audit.refuse_change();

alter table audit.export_ledger
    add column split integer not null default 0,
    add column merged integer not null default 0;
comment on column audit.export_ledger.split is '拆分条数 | lines SPLIT of the delta';
comment on column audit.export_ledger.merged is '合并条数 | lines MERGE of the delta';
