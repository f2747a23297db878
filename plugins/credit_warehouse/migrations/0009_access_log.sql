-- Who read a full record: one row before every reading, refused or not, and never changed afterwards.

create table audit.access_log (
    access_id bigint generated always as identity primary key,
    accessed_at timestamptz not null default clock_timestamp(),
    os_user text not null,
    database_user text not null default session_user,
    action text not null,
    batch_id bigint not null references audit.batch,
    row_no bigint not null,
    item_id text
);
create index access_log_by_row on audit.access_log (batch_id, row_no);
comment on table audit.access_log is
    '查阅原件全文的记录：何人、何时、哪一行，只增不改 | who read which original line in full, and when; append-only';

create function audit.refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '%.% is append-only: % is refused', tg_table_schema, tg_table_name, lower(tg_op)
        using errcode = 'insufficient_privilege';
end
$$;
comment on function audit.refuse_change is '只增表拒绝修改 | append-only tables refuse every change';

create trigger append_only before update or delete or truncate on audit.access_log
for each statement execute function audit.refuse_change();
