-- Feeds that prove themselves: a hash of the whole set, kept up with every change, and keys that sign each manifest.

-- One canonical line per entry (RFC 8785: keys in order, no blanks), so that everybody hashes the same bytes.
-- The next export tells every recipient the same content; nothing is sent again because its writing changed.
update exports.feed_entry
set body = (
    select '{' || string_agg(to_json(field.key)::text || ':' || field.value::text, ',' order by field.key collate "C") || '}'
    from json_each(feed_entry.body::json) as field
);

create table exports.feed_sum (
    feed text primary key,
    entry_sum bytea not null check (length(entry_sum) = 512)
);
comment on table exports.feed_sum is
    '各接收方全部条目的累加和（清单中的 set_hash 由此得出） | sum over all entries a recipient holds, behind set_hash';

create table audit.feed_key (
    generation integer primary key,
    key_id text not null unique,
    public_key bytea not null check (length(public_key) = 32),
    in_use_from timestamptz not null,
    announcement bytea,
    signature bytea,
    registered_at timestamptz not null default clock_timestamp(),
    check ((announcement is null) = (signature is null))
);
comment on table audit.feed_key is
    '清单签名公钥，每代一行，只增不删 | public keys that sign the feeds, one row per generation, append-only';

alter table audit.export_ledger add column set_hash text, add column key_id text references audit.feed_key (key_id);
comment on column audit.export_ledger.set_hash is '应用后的全集哈希；第一版格式的清单没有 | hash of the whole set after apply';
