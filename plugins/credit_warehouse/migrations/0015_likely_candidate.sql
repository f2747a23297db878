-- What the model proposes to a reviewer where no rule has a candidate: words, no number. Written after each build for the
-- items it looked at; the decision is a row of core.subject_link or core.link_rejection.

create table core.likely_candidate (
    item_id text not null,
    subject_id text not null,
    subject_kind text not null,
    rule_code text not null check (rule_code like 'T3\_%'),
    evidence jsonb not null,
    basis text not null,
    content_batch_id bigint not null,
    content_row_no bigint not null,
    build_id bigint not null references audit.build,
    primary key (item_id, subject_id)
);
comment on table core.likely_candidate is
    '模型提出的候选，仅供审核员，逐项以文字说明 | candidates of the model, for a reviewer alone, field by field in words';

-- What an evidence rests on, by the fields that agree. Sex, age, division and year of birth narrow a name down to the
-- people among whom namesakes are counted (homonym risk), and tell none of those from another.
create function core.says_more_than_a_name(evidence jsonb) returns boolean
language sql immutable parallel safe
as $$
    select exists (
        select from jsonb_array_elements(evidence) as found (fact)
        where (fact ->> 'agrees')::boolean and fact ->> 'field' not like '%name'
    )
$$;
comment on function core.says_more_than_a_name is '证据除姓名、名称外另有相符 | something besides the name agrees';

create function core.tells_namesakes_apart(evidence jsonb) returns boolean
language sql immutable parallel safe
as $$
    select exists (
        select from jsonb_array_elements(evidence) as found (fact)
        where (fact ->> 'agrees')::boolean
            and fact ->> 'field' not like '%name'
            and fact ->> 'field' not in (
                '性别 sex', '年龄与出生年份 age and year of birth', '区划 division',
                '号码中的区划 division in the number', '号码中的出生年份 year of birth in the number'
            )
    )
$$;
comment on function core.tells_namesakes_apart is
    '证据足以区分同区划同年龄段的同名者 | something agrees that namesakes of a place and age do not share';

create function core.refuse_name_alone() returns trigger
language plpgsql
as $$
begin
    if new.action = 'LINK' and not core.says_more_than_a_name(new.evidence) then
        raise exception 'a name alone is no link' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
comment on function core.refuse_name_alone is '仅凭姓名、名称的关联拒绝写入 | refuses a link that rests on a name alone';

-- After only_orphans, by the order of their names.
create trigger rests_on_more before insert on core.subject_link
for each row execute function core.refuse_name_alone();

-- Whether what an item without a valid number has in a product, by the last word of the ledger, rests on more than what
-- namesakes share. An item with a number of its own needs no link.
create function core.link_tells_apart(item text) returns boolean
language sql stable parallel safe
as $$
    select coalesce((
        select last.action = 'LINK' and core.tells_namesakes_apart(last.evidence)
        from core.subject_link as last
        where last.item_id = item
        order by last.link_id desc
        limit 1
    ), false)
$$;
comment on function core.link_tells_apart is '条目的关联足以区分同名者 | the link of an item tells namesakes apart';
