-- The removal lane reads it as soon as this version is prepared, before a build makes it with what the courts have said.
create table core.related_order (
    item_id text not null,
    order_id text,
    subject_id text,
    subject_name text,
    identifier_shown text,
    related_role text,
    relation text,
    unit_id text,
    unit_name text,
    case_number text,
    court_name text,
    valid_from date,
    is_contested boolean,
    order_reasons text
);
create unique index related_order_by_item on core.related_order (item_id);
create index related_order_by_unit on core.related_order (unit_id);
create index related_order_by_subject on core.related_order (subject_id);
comment on table core.related_order is
    '限制消费令载明在被执行单位任职的人员 | orders that name a person with an office in the unit that owes';
