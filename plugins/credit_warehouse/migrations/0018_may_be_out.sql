-- Whether there is anything to take back: an entry of a feed, or a build that has not left yet and had begun before the
-- batch came. Without a batch (a term, a link undone): any build that has not left yet.
create function exports.may_be_out(item text, told_by bigint) returns boolean
language sql stable
as $$
    select
        exists (select from exports.feed_entry where feed_entry.item_id = item)
        or (
            exists (select from audit.build where build.status in ('running', 'succeeded') and build.exported_at is null)
            and not exists (select from audit.batch where batch.batch_id = told_by and batch.build_id is not null)
        )
$$;
comment on function exports.may_be_out is
    '条目是否已出库，或可能随尚未出库的构建而出 | whether an item is in a feed, or a build under way may yet put it there';
