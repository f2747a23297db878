-- Receipts: what recipients say they took of a feed, and when. Nothing that leaves the house waits for them.

create table audit.feed_receipt (
    receipt_id bigint generated always as identity primary key,
    receipt_sha256 text not null unique,
    feed text not null,
    sequence bigint not null,
    copy_id text not null,
    took text not null check (took in ('delta', 'full')),
    applied_at timestamptz not null,
    compares bigint not null check (compares >= 0),
    hits bigint not null check (hits between 0 and compares),
    received_at timestamptz not null default clock_timestamp(),
    foreign key (feed, sequence) references audit.export_ledger
);
create index feed_receipt_by_delivery on audit.feed_receipt (feed, sequence);
comment on table audit.feed_receipt is
    '接收回执：每份回执一行，只增不改 | receipts of recipients, one row each; append-only';

-- A receipt that cannot be true: kept with the rule it broke, without a word of its own that was not checked.
create table audit.feed_receipt_refused (
    refusal_id bigint generated always as identity primary key,
    receipt_sha256 text not null unique,
    rule text not null,
    feed text,
    sequence bigint,
    received_at timestamptz not null default clock_timestamp()
);
comment on table audit.feed_receipt_refused is
    '被拒的回执及原因，只增不改 | receipts refused, and why; append-only';

create trigger append_only before update or delete or truncate on audit.feed_receipt
for each statement execute function audit.refuse_change();
create trigger append_only before update or delete or truncate on audit.feed_receipt_refused
for each statement execute function audit.refuse_change();

-- Feedback names a directive that may have been withdrawn.
create index feed_tombstone_by_entry on exports.feed_tombstone (entry_id, feed);
