-- Evidence that shows when it was touched. Each row of the evidence tables, and each later state of one, is entered by a
-- trigger with the hash of what it says; entries are chained at the end of a run, and the head of the chain is written
-- outside the database (credit_warehouse.ledger). Why not chained at once: docs/decisions/0036-ledger.md.

-- What waits for the chain. Nobody waits for anybody here: an insert takes no lock.
create table audit.ledger_entry (
    entry_id bigint generated always as identity primary key,
    kind text not null,
    relation text not null,
    row_key text not null,
    content_sha256 bytea not null check (length(content_sha256) = 32),
    fixed_sha256 bytea check (length(fixed_sha256) = 32),
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table audit.ledger_entry is
    '待入链的台账条目 | entries that wait for the chain; none leaves before it is in audit.ledger';

create table audit.ledger (
    sequence bigint primary key,
    entry_id bigint not null unique,
    kind text not null,
    relation text not null,
    row_key text not null,
    content_sha256 bytea not null,
    fixed_sha256 bytea,
    recorded_at timestamptz not null,
    previous_hash bytea not null,
    hash bytea not null
);
create index ledger_by_row on audit.ledger (relation, row_key, sequence desc);
comment on table audit.ledger is
    '防篡改台账：批次、决定、出库、回执、查阅、删除，逐条散列成链，只增不改'
    ' | batches, decisions, exports, receipts, readings and deletions, chained by hash; append-only';
comment on column audit.ledger.row_key is '所证之行的主键 | key of the row this is about';
comment on column audit.ledger.content_sha256 is '该行内容的散列（空值不计） | hash of what the row said, nulls apart';
comment on column audit.ledger.fixed_sha256 is
    '其中不得变更的各列的散列，仅用于有状态列的表 | hash of the columns that never change, where a table has others';
comment on column audit.ledger.hash is
    'sha256(上一散列 || 序号|类别|表|主键|内容散列|固定列散列|微秒时间) | over the previous hash and this entry';

create trigger append_only before update or delete or truncate on audit.ledger
for each statement execute function audit.refuse_change();
create trigger append_only before update or truncate on audit.ledger_entry
for each statement execute function audit.refuse_change();

create function audit.refuse_unchained() returns trigger
language plpgsql
as $$
begin
    if not exists (
        select from audit.ledger
        where entry_id = old.entry_id and content_sha256 = old.content_sha256 and row_key = old.row_key
    ) then
        raise exception 'audit.ledger_entry: what is not in the chain yet stays'
            using errcode = 'insufficient_privilege';
    end if;
    return old;
end
$$;
comment on function audit.refuse_unchained is '未入链的条目不得删除 | an entry leaves only into the chain';

create trigger chained_first before delete on audit.ledger_entry
for each row execute function audit.refuse_unchained();

-- The statement that enters rows of `source`, an alias `said`. Kept by statement, what one statement brings under one key
-- is one entry: rows that never come apart.
create function audit.entering(kind text, relation text, key text, changing text[], kept_by text, source text)
returns text
language sql immutable
as $$
    select format(
        'insert into audit.ledger_entry (kind, relation, row_key, content_sha256, fixed_sha256)'
        ' select %1$L, %2$L, concat_ws(''/'', %3$s), %4$s, %5$s from %6$s'
            || case kept_by when 'statement' then ' group by concat_ws(''/'', %3$s)' else '' end,
        kind, relation, key,
        case kept_by
            when 'row' then format(said.hash, '')
            when 'statement' then format('sha256(string_agg(%1$s, '''' order by %1$s))', format(said.hash, ''))
        end,
        case when changing = '{}' then 'null' else format(said.hash, format(' - %L::text[]', changing)) end,
        source
    )
    -- A column that a later version adds, empty in old rows, changes nothing.
    from (values ('sha256(convert_to(jsonb_strip_nulls(to_jsonb(said)%s)::text, ''UTF8''))')) as said (hash)
$$;
comment on function audit.entering is '把所列之行记入台账的语句 | the statement that enters rows in the ledger';

-- What a row says is the same text in every session: time zone and number formats belong to the function.
create function audit.enter_in_ledger() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set bytea_output = 'hex' set extra_float_digits = 1
as $$
begin
    execute audit.entering(
        tg_argv[0], tg_table_schema || '.' || tg_table_name, tg_argv[1], tg_argv[2]::text[], tg_argv[3], 'said'
    );
    return null;
end
$$;
comment on function audit.enter_in_ledger is '把写入的行记入台账 | enters the rows of a statement in the ledger';

-- Puts a table under the ledger: enters what it holds, enters whatever comes, and refuses every change but that of the
-- columns named as changing, whose states are entered one by one. `kept_by` is 'row' or 'statement'.
create procedure audit.keep_in_ledger(
    kept regclass, kind text, key text[], changing text[] default '{}', kept_by text default 'row'
)
language plpgsql
set timezone = 'UTC' set bytea_output = 'hex' set extra_float_digits = 1
as $$
declare
    columns text := (
        select string_agg(quote_ident(part), ', ' order by place) from unnest(key) with ordinality as named (part, place)
    );
    fixed text := (
        select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = kept and attnum > 0 and not attisdropped and attname <> all (changing)
    );
    relation text := (
        select nspname || '.' || relname from pg_class inner join pg_namespace as space on space.oid = relnamespace
        where pg_class.oid = kept
    );
    enters text := format(
        'execute function audit.enter_in_ledger(%L, %L, %L, %L)', kind, columns, changing, kept_by
    );
begin
    execute format('drop trigger if exists append_only on %s', kept);
    execute format(
        'create trigger append_only before update %s or delete or truncate on %s'
        ' for each statement execute function audit.refuse_change()',
        case when changing <> '{}' then 'of ' || fixed else '' end, kept
    );
    execute format(
        'create trigger in_ledger after insert on %s referencing new table as said for each statement %s', kept, enters
    );
    if changing <> '{}' then
        execute format(
            'create trigger in_ledger_again after update on %s referencing new table as said for each statement %s',
            kept, enters
        );
    end if;
    execute audit.entering(kind, relation, columns, changing, kept_by, format('%s as said', kept));
end
$$;
comment on procedure audit.keep_in_ledger is '把一张表纳入台账 | puts a table under the ledger';

create function audit.chain_step(state bytea, line text, start bytea) returns bytea
language sql immutable parallel safe
as $$
    select sha256(coalesce(state, start) || convert_to(line, 'UTF8'))
$$;
comment on function audit.chain_step is '链上一步 | one step of the chain';
create aggregate audit.chained(line text, start bytea) (sfunc = audit.chain_step, stype = bytea);

-- Chains whatever has been committed; one at a time (db.Lock.LEDGER). Returns the head of the chain if it moved.
create function audit.chain_ledger() returns table (head_sequence bigint, head_hash bytea)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    head bigint;
    start bytea;
begin
    perform pg_advisory_xact_lock(4207008);
    -- An anchor is told by the next entries, and is no reason for one more.
    if not exists (select from audit.ledger_entry where kind <> 'anchor') then
        return;
    end if;
    select last.sequence, last.hash into head, start from audit.ledger as last order by last.sequence desc limit 1;
    head := coalesce(head, 0);
    start := coalesce(start, sha256('credit-warehouse-ledger'));
    insert into audit.ledger (
        sequence, entry_id, kind, relation, row_key, content_sha256, recorded_at, previous_hash, hash,
        fixed_sha256
    )
    select
        linked.sequence, linked.entry_id, linked.kind, linked.relation, linked.row_key, linked.content_sha256,
        linked.recorded_at, coalesce(lag(linked.hash) over (order by linked.sequence), start), linked.hash,
        linked.fixed_sha256
    from (
        select lined.*, audit.chained(lined.line, start) over (order by lined.sequence) as hash
        from (
            select numbered.*, concat_ws(
                '|', numbered.sequence, numbered.kind, numbered.relation, numbered.row_key,
                encode(numbered.content_sha256, 'hex'),
                coalesce(encode(numbered.fixed_sha256, 'hex'), ''), (extract(epoch from numbered.recorded_at) * 1000000)::bigint
            ) as line
            from (
                select head + row_number() over (order by entry.entry_id) as sequence, entry.*
                from audit.ledger_entry as entry
            ) as numbered
        ) as lined
    ) as linked;
    delete from audit.ledger_entry as entry using audit.ledger as known
    where known.sequence > head and known.entry_id = entry.entry_id;
    return query select known.sequence, known.hash from audit.ledger as known order by known.sequence desc limit 1;
end
$$;
comment on function audit.chain_ledger is '将待入链条目入链 | chains the entries that wait';

revoke all on function audit.chain_ledger from public;
revoke all on procedure audit.keep_in_ledger from public;

-- credit_warehouse.ledger.KEPT says the same for whoever verifies: that list is not in reach of the database.
call audit.keep_in_ledger(
    'audit.batch', 'batch', '{batch_id}',
    '{encoding,status,rows_in,rows_loaded,rows_rejected,extra_columns,refused_rule,refused_zh,refused_en,build_id,'
    'screened_at,layout,scope}'
);
call audit.keep_in_ledger('audit.build', 'decision', '{build_id}', '{status,finished_at,exported_at}');
call audit.keep_in_ledger('audit.preparation', 'decision', '{preparation_id}', '{rebuilt}');
call audit.keep_in_ledger('audit.quality_result', 'decision', '{result_id}');
call audit.keep_in_ledger('audit.gate_harm', 'decision', '{harm_id}');
call audit.keep_in_ledger('audit.dbt_result', 'decision', '{build_id}', kept_by => 'statement');
call audit.keep_in_ledger('core.subject_link', 'decision', '{link_id}');
call audit.keep_in_ledger('core.link_rejection', 'decision', '{rejection_id}');
call audit.keep_in_ledger('exports.removal', 'decision', '{removal_id}', '{sent_at}');
call audit.keep_in_ledger('audit.export_ledger', 'export', '{feed,sequence}');
call audit.keep_in_ledger('exports.feed_tombstone', 'export', '{feed,sequence}', kept_by => 'statement');
call audit.keep_in_ledger('audit.feed_receipt', 'receipt', '{receipt_id}');
call audit.keep_in_ledger('audit.feed_receipt_refused', 'receipt', '{refusal_id}');
call audit.keep_in_ledger('audit.access_log', 'reading', '{access_id}');
call audit.keep_in_ledger('vault.reader_grant', 'reading', '{grant_id}');
call audit.keep_in_ledger('audit.archive_removal', 'deletion', '{removal_id}');
