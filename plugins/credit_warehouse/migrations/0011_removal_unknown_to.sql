-- What the lane knows and a build did not: its messages came later, its day had not come, or the link that it rested on
-- was undone, which is no message and has no batch, after the build began. Without a build: all.
create function exports.removal_unknown_to(wanted bigint) returns setof exports.removal
language sql stable
as $$
    select removal.*
    from exports.removal
    left join audit.batch on batch.batch_id = removal.batch_id
    left join audit.build on build.build_id = wanted
    where case
        when removal.batch_id is null and removal.reason = 'NO_VALID_IDENTIFIER'
            then coalesce(removal.effective_at > build.started_at, true)
        when removal.batch_id is null then coalesce(removal.effective_at::date > build.business_date, true)
        else coalesce(batch.build_id > wanted, true)
    end
$$;
comment on function exports.removal_unknown_to is '某次构建尚不知道的撤下理由 | removals that a build did not know';

-- An item that the lane takes out is looked at again by the export after the one under way, which has no build yet.
alter table exports.unsent_item drop constraint unsent_item_build_id_fkey;
