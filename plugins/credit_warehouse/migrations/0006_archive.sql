-- Originals that were removed when their retention ended: the proof of a deletion outlives what was deleted.

create table audit.archive_removal (
    removal_id bigint generated always as identity primary key,
    source text not null references audit.source,
    sha256 text not null,
    bytes bigint not null,
    newest_date date not null,
    retention_class text not null,
    years integer not null,
    legal_basis text not null,
    due_on date not null,
    removed_at timestamptz not null default clock_timestamp()
);
create index archive_removal_by_original on audit.archive_removal (source, sha256);
comment on table audit.archive_removal is '保存期满后删除的原件 | originals removed when their retention ended';
