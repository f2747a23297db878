-- Rejected rows as they came, what a later delivery made of them, and how a file was read.

alter table audit.batch add column layout text;
alter table audit.batch add column scope text check (scope in ('all', 'removals_only'));
comment on column audit.batch.layout is '按声明的哪个版式读取 | version of the layout it was read in';
comment on column audit.batch.scope is
    '坏行超限的增量只让撤下类的行生效 | a delta with too many bad rows takes effect for its removals only';

-- Beside the other rows as received, in the schema only the loader reads: they are personal data like those.
create table raw._rejected_row (
    batch_id bigint not null,
    row_no bigint not null,
    rule text not null,
    field text not null,
    body text not null,
    key text[],
    primary key (batch_id, row_no, rule, field),
    foreign key (batch_id, row_no, rule, field) references audit.rejected_row on delete cascade
);
comment on table raw._rejected_row is '装载时被隔离的行的原文及主键 | rows rejected at load, as they came, with their key';

create table audit.rejection_superseded (
    batch_id bigint not null,
    row_no bigint not null,
    rule text not null,
    field text not null,
    superseded_by bigint not null references audit.batch,
    ground text not null check (ground in ('key', 'file', 'snapshot')),
    superseded_at timestamptz not null default clock_timestamp(),
    primary key (batch_id, row_no, rule, field),
    foreign key (batch_id, row_no, rule, field) references audit.rejected_row on delete cascade
);
comment on table audit.rejection_superseded is
    '已被后续报送取代的隔离行：同一主键的合格行、同名文件重报、更新的全量 | rejected rows that a later delivery settled';
