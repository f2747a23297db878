-- Whom a product would have hit had its gate let it pass: counted, and shown masked. Never a whole name or number.
create table audit.gate_harm (
    harm_id bigint generated always as identity primary key,
    build_id bigint not null references audit.build,
    target text not null,
    rule_id text not null,
    entries bigint not null check (entries > 0),
    subjects bigint not null check (subjects > 0),
    newly bigint not null check (newly between 0 and subjects),
    shown text[] not null,
    checked_at timestamptz not null default clock_timestamp()
);
create index gate_harm_by_build on audit.gate_harm (build_id, target, rule_id);
comment on table audit.gate_harm is
    '出口门禁拦下的内容若放行会波及谁（只留首字与前四位），一次检验一条规则一行，只增不改'
    ' | whom a product would have hit, by rule and check, masked; append-only';

create trigger append_only before update or delete or truncate on audit.gate_harm
for each statement execute function audit.refuse_change();
