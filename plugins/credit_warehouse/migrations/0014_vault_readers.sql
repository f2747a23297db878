-- Who may read a full identifier, and who has: without a grant there is no ciphertext, and every attempt is a row.

create table vault.reader_grant (
    grant_id bigint generated always as identity primary key,
    os_user text not null check (length(trim(os_user)) > 0),
    action text not null check (action in ('GRANT', 'REVOKE')),
    decided_by text not null,
    reason text not null check (length(trim(reason)) > 0),
    decided_at timestamptz not null default clock_timestamp()
);
create index reader_grant_by_user on vault.reader_grant (os_user, grant_id desc);
comment on table vault.reader_grant is
    '谁可查阅完整号码：授权与收回，只增不改 | who may read full identifiers: grants and their ends; append-only';

create trigger append_only before update or delete or truncate on vault.reader_grant
for each statement execute function audit.refuse_change();

-- A reading of the vault has a token and a reason in place of a line of a file.
alter table audit.access_log
    alter column batch_id drop not null,
    alter column row_no drop not null,
    add column token text,
    add column reason text,
    add check (
        (batch_id is not null and row_no is not null)
        or (token is not null and length(trim(reason)) > 0)
    );
create index access_log_by_token on audit.access_log (token) where token is not null;

create index identifier_by_key on vault.identifier (key_id);

-- The one way to a ciphertext: logged whether or not it is granted, and empty where it is not.
create function vault.read_for(asked text, reader text, why text)
returns table (is_granted boolean, ciphertext bytea, key_id text)
language plpgsql
as $$
begin
    is_granted := coalesce((
        select given.action = 'GRANT' from vault.reader_grant as given
        where given.os_user = reader
        order by given.grant_id desc
        limit 1
    ), false);
    insert into audit.access_log (os_user, action, token, reason)
    values (reader, case when is_granted then 'identifier read' else 'identifier refused' end, asked, why);
    if is_granted then
        select known.ciphertext, known.key_id into ciphertext, key_id
        from vault.identifier as known
        where known.token = asked;
    end if;
    return next;
end
$$;
comment on function vault.read_for is '查阅号码密文：先记日志，未获授权则不给 | a ciphertext for a reader, logged; none without a grant';

revoke all on function vault.read_for from public;
