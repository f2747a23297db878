-- The removal lane: what has to leave the products is known as soon as a message is accepted, before any build.

alter table audit.source add column may_remove boolean not null default false;
comment on column audit.source.may_remove is '其消息可使人退出产品，接收后立即由撤下通道处理 | its messages are screened by the removal lane at once';

alter table audit.batch add column screened_at timestamptz;
comment on column audit.batch.screened_at is '撤下通道处理时间 | when the removal lane has read it';
create index batch_unscreened on audit.batch (source) where status = 'accepted' and screened_at is null;

-- Batches a staging model reads: those a session names (the removal lane), else all that were ever built (a table
-- made anew), else those of the build that runs.
create function audit.batches_in_hand(wanted text, everything boolean) returns table (batch_id bigint)
language sql stable rows 5
as $$
    select batch.batch_id
    from audit.batch
    where batch.source = wanted and batch.status = 'accepted'
        and case
            when coalesce(current_setting('credit_warehouse.reading', true), '') <> ''
                then batch.batch_id = any(current_setting('credit_warehouse.reading')::bigint[])
            when everything then batch.build_id is not null
            else batch.build_id = (select max(build.build_id) from audit.build where build.status = 'running')
        end
$$;
comment on function audit.batches_in_hand is '本次读取的批次 | batches that a staging model reads';

create table exports.removal (
    removal_id bigint generated always as identity primary key,
    item_id text not null,
    reason text not null,
    source text references audit.source,
    effective_at timestamptz not null,
    received_at timestamptz not null,
    batch_id bigint references audit.batch,
    row_no bigint,
    delete_reason text,
    found_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    unique nulls not distinct (item_id, reason, effective_at, batch_id)
);
create index removal_by_item on exports.removal (item_id);
create index removal_unsent on exports.removal (removal_id) where sent_at is null;
comment on table exports.removal is
    '撤下通道：一个条目一个理由一行，只增不删 | removal lane: one row per item and reason, append-only';

alter table exports.feed_tombstone add column item_id text;
create index feed_tombstone_by_item on exports.feed_tombstone (item_id);

-- What the builds changed and the feeds have not been told yet: an export does no more work than the day brought.
create table exports.unsent_item (
    item_id text primary key,
    build_id bigint not null references audit.build
);
comment on table exports.unsent_item is '已变化、尚未出库的条目 | items that changed since the last complete export';

-- A removal travels alone; the whole set comes with the next complete export.
alter table audit.export_ledger alter column full_sha256 drop not null;

-- A changed rule concerns every item, not only the products.
alter table audit.preparation rename column products_rebuilt to rebuilt;
