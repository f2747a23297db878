-- Who was taken for whom, when, on which evidence and by whom: a ledger that is only added to.

create table core.subject_link (
    link_id bigint generated always as identity primary key,
    item_id text not null,
    subject_id text not null,
    action text not null check (action in ('LINK', 'UNLINK')),
    tier text not null check (tier in ('T2', 'T3')),
    rule_code text not null,
    rule_version text not null,
    evidence jsonb not null,
    -- What the item said of who it is (core.link_basis): a link stands only while it says so.
    basis text not null,
    decided_by text not null check (decided_by in ('rule', 'reviewer')),
    reviewer text,
    reason text,
    decided_at timestamptz not null default clock_timestamp(),
    check ((decided_by = 'reviewer') = (reviewer is not null)),
    check (decided_by = 'rule' or length(trim(reason)) > 0),
    -- What needs a reviewer is never linked by a rule.
    check (tier = 'T2' or action = 'UNLINK' or decided_by = 'reviewer')
);
create index subject_link_by_item on core.subject_link (item_id, link_id desc);
create index subject_link_by_subject on core.subject_link (subject_id);
create index subject_link_by_time on core.subject_link (decided_at);
comment on table core.subject_link is
    '身份关联台账：条目与主体、层级、规则、证据、何时、何人决定，只增不改；解除也是新的一行'
    ' | ledger of links between items without a valid number and subjects; append-only, an unlink is a row';

create trigger append_only before update or delete or truncate on core.subject_link
for each statement execute function audit.refuse_change();

-- A reviewer's no: the pair is not proposed again while the item says the same of who it is.
create table core.link_rejection (
    rejection_id bigint generated always as identity primary key,
    item_id text not null,
    subject_id text not null,
    basis text not null,
    reviewer text not null,
    reason text not null check (length(trim(reason)) > 0),
    decided_at timestamptz not null default clock_timestamp()
);
create index link_rejection_by_item on core.link_rejection (item_id);
comment on table core.link_rejection is
    '审核员否定的候选，只增不改 | candidates that a reviewer refused; append-only';

create trigger append_only before update or delete or truncate on core.link_rejection
for each statement execute function audit.refuse_change();

create function core.link_basis(kind text, name text, number text, verdict text) returns text
language sql immutable parallel safe
as $$
    select md5(row(kind, name, number, verdict)::text)
$$;
comment on function core.link_basis is '条目所称身份的指纹 | digest of what an item says of who it is';

-- The tables of the record are made by the first build.
set local check_function_bodies = off;

-- A link binds an item that has no valid number to one subject. Two valid numbers are never joined: there is no row
-- that could say so, and an item with a number of its own, or a link of its own, gets none.
create function core.refuse_wrong_link() returns trigger
language plpgsql
as $$
declare
    held core.subject_link;
begin
    select * into held from core.subject_link as known
    where known.item_id = new.item_id order by known.link_id desc limit 1;
    if new.action = 'UNLINK' then
        if held.action is distinct from 'LINK' or held.subject_id <> new.subject_id then
            raise exception 'there is no link to undo' using errcode = 'integrity_constraint_violation';
        end if;
        return new;
    end if;
    if held.action = 'LINK' then
        raise exception 'the item is linked: undo that link first' using errcode = 'integrity_constraint_violation';
    end if;
    if not exists (
        select from core.credit_item as item
        where item.item_id = new.item_id and item.recorded_to = 'infinity' and item.subject_id is null
    ) then
        raise exception 'only an item without a valid number is linked'
            using errcode = 'integrity_constraint_violation';
    end if;
    if not exists (select from core.subject where subject.subject_id = new.subject_id) then
        raise exception 'a link leads to a subject that has a valid number'
            using errcode = 'integrity_constraint_violation';
    end if;
    if not exists (
        select from core.identity_tier as known
        where known.rule_code = new.rule_code and known.tier = new.tier
            and (known.needs_reviewer is false or new.decided_by = 'reviewer')
    ) then
        raise exception 'no rule allows this link' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
comment on function core.refuse_wrong_link is '违反关联规则的行拒绝写入 | refuses links that no rule allows';

-- One writer at a time (db.Lock.LINKS): two who decide of one item at once must see each other.
create function core.one_link_writer() returns trigger
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock(4207013);
    return null;
end
$$;
comment on function core.one_link_writer is '关联台账同时只有一个写入者 | one writer of links at a time';

create trigger one_writer before insert on core.subject_link
for each statement execute function core.one_link_writer();

create trigger only_orphans before insert on core.subject_link
for each row execute function core.refuse_wrong_link();

-- Whose record an item without a valid number is in, on a day, as known at a moment: the last word of the ledger, where
-- it is a link, the item still says the same of who it is, and the centre lets links of that rule into records.
create function core.standing_link(
    item text, said text, day date, known_at timestamptz default null
) returns table (subject_id text, tier text, rule_code text)
language sql stable parallel safe rows 1
as $$
    select last.subject_id, last.tier, last.rule_code
    from (
        select link.*
        from core.subject_link as link
        where link.item_id = item and (known_at is null or link.decided_at <= known_at)
        order by link.link_id desc
        limit 1
    ) as last
    where last.action = 'LINK'
        and last.basis = said
        and exists (
            select from core.identity_tier as known
            where known.rule_code = last.rule_code and known.tier = last.tier
                and known.valid_from <= day and (known.valid_to is null or day < known.valid_to)
                and case last.decided_by
                    when 'reviewer' then known.joins_record_when_reviewed else known.joins_record
                end
        )
$$;
comment on function core.standing_link is '条目现归入谁的档案 | whose record an item is in by a link';
