-- Least privilege: roles are cluster-wide and named after their database (credit_warehouse.access makes them); what a role
-- may do is in access_matrix.csv. Here is what needs code: whose directives a department sees, and who read a record.

-- Persons in the marts, without names and numbers that tell who they are.
create schema analysis;
comment on schema analysis is '供分析、审计使用的遮蔽视图 | masked views for analysts and auditors';

create table audit.role_grant (
    grant_id bigint generated always as identity primary key,
    login text not null,
    role text not null,
    action text not null check (action in ('GRANT', 'REVOKE', 'ROTATE')),
    decided_by text not null check (length(trim(decided_by)) > 0),
    reason text not null check (length(trim(reason)) > 0),
    decided_at timestamptz not null default clock_timestamp()
);
comment on table audit.role_grant is
    '数据库账号的开通、换密与收回，只增不改 | logins given, renewed and taken back; append-only';
call audit.keep_in_ledger('audit.role_grant', 'access', '{grant_id}');

-- Row-level security of exports.punishment_directive: a department is a role <database>_department_<code>.
create function audit.is_own_department(code text) returns boolean
language sql stable
as $$
    select exists (
        select from pg_catalog.pg_roles as known
        where known.rolname = current_database() || '_department_' || code
            and pg_has_role(current_user, known.oid, 'usage')
    )
$$;
comment on function audit.is_own_department is '当前角色是否属于该部门 | whether the current role is of that department';

-- Who asks for a record says why, in a transaction of its own: what is rolled back was never asked, and gives nothing.
-- The default comes second, so that rows of before stay as the ledger has them.
alter table audit.access_log add column asked_in xid8;
alter table audit.access_log alter column asked_in set default pg_current_xact_id();
comment on column audit.access_log.asked_in is '写入该行的事务 | transaction that wrote the row';

create function audit.ask_record(asked text, why text) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into audit.access_log (os_user, action, token, reason)
    values (session_user, 'record asked', asked, why)
    returning access_id
$$;
comment on function audit.ask_record is
    '申请查阅一份完整档案，记入查阅日志；提交后方可查阅 | asks for a whole record, logged; to be committed first';

-- The tables of the marts are made by the first build.
set local check_function_bodies = off;

create function audit.read_record(asked_under bigint) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    asked text := (
        select log.token from audit.access_log as log
        where log.access_id = asked_under and log.action = 'record asked' and log.database_user = session_user
            and log.asked_in <> pg_current_xact_id() and log.accessed_at > clock_timestamp() - interval '15 minutes'
    );
begin
    if asked is null then
        raise exception 'ask first (audit.ask_record), commit, and read within 15 minutes'
            using errcode = 'insufficient_privilege';
    end if;
    return jsonb_build_object(
        'record', (select to_jsonb(held) from marts.credit_record as held where held.subject_id = asked),
        'items', (
            select jsonb_agg(to_jsonb(held) order by held.item_id) from marts.credit_record_item as held
            where held.subject_id = asked
        ),
        'listings', (
            select jsonb_agg(to_jsonb(held) order by held.item_id) from marts.defaulter_listing as held
            where held.subject_id = asked
        )
    );
end
$$;
comment on function audit.read_record is '查阅已申请的完整档案 | the record that was asked for';

revoke all on function audit.ask_record from public;
revoke all on function audit.read_record from public;
