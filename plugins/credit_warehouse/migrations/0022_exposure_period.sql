-- What was public, where, from when to when, and under which rules: one row for every content of every entry of a
-- channel, from the delivery that showed it to the delivery that took it away or replaced it.

create table exports.exposure_period (
    feed text not null,
    entry_id text not null,
    item_id text not null,
    content_hash text not null,
    policy_version text not null,
    since_sequence bigint not null,
    until_sequence bigint,
    ended_by text,
    primary key (feed, entry_id, since_sequence),
    check ((until_sequence is null) = (ended_by is null))
);
create index exposure_period_by_item on exports.exposure_period (item_id);
comment on table exports.exposure_period is
    '曝光历史：何条目在何清单自何序号至何序号可见、依何规则版本，只增 | what a channel showed from which delivery to which';

create table exports.policy_version (
    policy_version text primary key,
    channel text not null,
    content jsonb not null,
    first_used_at timestamptz not null default clock_timestamp()
);
comment on table exports.policy_version is
    '公开规则的每个版本：渠道、字段与地区规则 | every version of the rules under which a channel showed anything';
create trigger append_only before update or delete or truncate on exports.policy_version
for each statement execute function audit.refuse_change();

-- What is held now began at the latest with the delivery that last changed it; nobody knows more of the time before.
insert into exports.policy_version (policy_version, channel, content)
values ('before-history', 'query', '{"note": "shown before versions were kept"}');
insert into exports.exposure_period (feed, entry_id, item_id, content_hash, policy_version, since_sequence)
select entry.feed, entry.entry_id, entry.item_id, entry.content_hash, 'before-history', entry.sequence
from exports.feed_entry as entry
where entry.feed in (select feed from audit.export_ledger where product = 'exposure_publication');
