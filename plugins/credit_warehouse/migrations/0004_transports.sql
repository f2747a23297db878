-- Files on the servers of providers that were taken: they stay there, and are not fetched twice.

create table audit.remote_file (
    source text not null references audit.source,
    name text not null,
    size bigint not null,
    mtime bigint not null,
    ok_mtime bigint,
    sha256 text not null,
    batch_id bigint not null references audit.batch,
    taken_for date not null,
    taken_at timestamptz not null default clock_timestamp(),
    primary key (source, name)
);
comment on table audit.remote_file is '已从对方服务器取回的文件 | files fetched from the servers of providers';
