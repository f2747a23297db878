-- Evidence: what arrived, what became of it, what was checked, what left the building.

create table audit.source (
    source text primary key,
    label text not null,
    publisher text not null,
    legal_basis text not null,
    delivery text not null check (delivery in ('full', 'delta')),
    catalogue_class text,
    polarity text check (polarity in ('negative', 'neutral', 'positive'))
);
comment on table audit.source is '来源声明（每个来源一行，由声明文件同步） | one row per declared source';

create table audit.build (
    build_id bigint generated always as identity primary key,
    business_date date not null,
    status text not null default 'running' check (status in ('running', 'succeeded', 'failed')),
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    exported_at timestamptz
);
comment on table audit.build is '构建批次：一次 dbt 构建一行 | one row per build of the record';

create table audit.batch (
    batch_id bigint generated always as identity primary key,
    source text not null references audit.source,
    file_name text not null,
    sha256 text not null,
    bytes bigint not null,
    encoding text,
    mode text not null check (mode in ('full', 'delta')),
    business_date date not null,
    provider text,
    received_at timestamptz not null default clock_timestamp(),
    status text not null default 'received' check (status in ('received', 'loaded', 'accepted', 'refused')),
    rows_in bigint,
    rows_loaded bigint,
    rows_rejected bigint,
    extra_columns text[] not null default '{}',
    refused_rule text,
    refused_zh text,
    refused_en text,
    build_id bigint references audit.build
);
comment on table audit.batch is '批次：每个收到的文件一行 | one row per received file';
-- The same bytes count once; a refused file may be offered again, for example with a corrected .ok.
create unique index batch_same_bytes on audit.batch (source, sha256) where status <> 'refused';
create index batch_by_build on audit.batch (build_id);
create index batch_snapshots on audit.batch (source, business_date, batch_id) where status = 'accepted';

create table audit.ingest_outcome (
    run_id text not null,
    source text not null,
    file_name text not null default '',
    business_date date not null,
    outcome text not null
        check (outcome in ('accepted', 'duplicate', 'unchanged', 'absent', 'refused', 'failed')),
    batch_id bigint references audit.batch,
    rule text,
    detail_zh text,
    detail_en text,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (run_id, source, file_name)
);
comment on table audit.ingest_outcome is '每次接入的结果 | outcome of every attempt to ingest';

create table audit.rejected_row (
    batch_id bigint not null references audit.batch,
    row_no bigint not null,
    stage text not null check (stage in ('load', 'staging')),
    rule text not null,
    field text not null default '',
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (batch_id, row_no, rule, field)
);
comment on table audit.rejected_row is '被隔离的行：原文仍在归档文件中 | quarantined rows; the original stays in the archive';

create table audit.quality_result (
    result_id bigint generated always as identity primary key,
    suite text not null,
    target text not null,
    rule_id text not null,
    title_zh text not null,
    basis text,
    severity text not null check (severity in ('stop', 'warn')),
    success boolean not null,
    vacuous boolean not null,
    expected text,
    observed text,
    batch_id bigint references audit.batch,
    build_id bigint references audit.build,
    checked_at timestamptz not null default clock_timestamp()
);
comment on table audit.quality_result is '边界质量门禁结果（Great Expectations） | results of the border gates';

create table audit.dbt_result (
    build_id bigint not null references audit.build,
    unique_id text not null,
    resource_type text not null,
    status text not null,
    seconds double precision not null,
    rows_affected bigint,
    failures bigint,
    message text,
    finished_at timestamptz not null default clock_timestamp(),
    primary key (build_id, unique_id)
);
comment on table audit.dbt_result is 'dbt 逐节点结果 | result of every dbt node';

create table audit.watermark (
    source text not null references audit.source,
    business_date date not null,
    high_water text not null,
    primary key (source, business_date)
);
comment on table audit.watermark is '数据库方式接入的水位 | high-water mark of database sources per business date';

create table audit.export_ledger (
    feed text not null,
    sequence bigint not null,
    product text not null,
    business_date date not null,
    build_id bigint not null references audit.build,
    scope text not null check (scope in ('all', 'removals_only')),
    added bigint not null,
    updated bigint not null,
    removed bigint not null,
    total bigint not null,
    delta_sha256 text not null,
    full_sha256 text not null,
    manifest_sha256 text not null,
    previous_manifest_sha256 text,
    exported_at timestamptz not null default clock_timestamp(),
    primary key (feed, sequence)
);
comment on table audit.export_ledger is '出库台账：每个清单一行 | one row per feed and sequence';

create table exports.feed_entry (
    feed text not null,
    entry_id text not null,
    item_id text not null,
    content_hash text not null,
    body text not null,
    sequence bigint not null,
    primary key (feed, entry_id)
);
create index feed_entry_by_item on exports.feed_entry (item_id);
comment on table exports.feed_entry is '各接收方当前持有的条目 | what each recipient holds now';

create table exports.feed_tombstone (
    feed text not null,
    entry_id text not null,
    sequence bigint not null,
    reason text not null,
    removed_at timestamptz not null default clock_timestamp(),
    primary key (feed, sequence, entry_id)
);
comment on table exports.feed_tombstone is '撤下标记 | tombstones sent to each feed';

create table audit.preparation (
    preparation_id bigint generated always as identity primary key,
    project_sha256 text not null,
    prepared_at timestamptz not null default clock_timestamp(),
    products_rebuilt boolean not null
);
comment on table audit.preparation is '规则种子与函数的每个版本；产品须按新规则重算 | versions of rule seeds and functions, and whether the products follow them yet';
