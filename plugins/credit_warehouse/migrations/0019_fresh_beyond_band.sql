-- It reads tables that the first build makes.
set local check_function_bodies = off;

-- Of the items that a product wants to send: one of each subject that no feed of the product holds yet, where there are
-- more of them than core.harm_band allows; else nothing. Without a row in force no subject may be added. A directive counts
-- by what it forbids: whom a measure merely asks to consider, a new effect is new harm.
create function exports.fresh_beyond_band(wanted_product text, wanted_items text[]) returns setof text
language sql stable
as $$
    with last_build as (
        select max(business_date) as day, max(build_id) as build_id from audit.build where status = 'succeeded'
    ),
    leaving as (
        select told.item_id, coalesce(item.subject_id, listing.subject_id, told.item_id) as subject_id
        from (select distinct unnest(wanted_items) as item_id) as told
        left join core.credit_item as item on item.item_id = told.item_id and item.recorded_to = 'infinity'
        left join marts.defaulter_listing as listing on listing.item_id = told.item_id
        where told.item_id in (select item_id from exports.unsent_item)
        and told.item_id not in (
            select removal.item_id
            from last_build
            cross join exports.removal_unknown_to(last_build.build_id) as removal
            inner join core.exclusion_reason as known on known.reason = removal.reason
            where case wanted_product
                when 'exposure_publication' then known.bars_exposure
                when 'restricted_notice' then known.bars_notice
                when 'punishment_directive' then known.bars_directive
            end
        )
    ),
    held as (
        select entry.item_id
        from exports.feed_entry as entry
        where entry.feed in (select feed from audit.export_ledger where product = wanted_product)
        and (
            wanted_product <> 'punishment_directive'
            or entry.body::json ->> 'effect_type' in ('BLOCK', 'RESTRICT', 'REVOKE_HONOUR')
        )
    ),
    fresh as (
        select leaving.subject_id, min(leaving.item_id) as item_id
        from leaving
        where not exists (
            select
            from core.credit_item as other
            inner join held on held.item_id = other.item_id
            where (other.subject_id = leaving.subject_id or other.item_id = leaving.item_id)
            and other.recorded_to = 'infinity'
        )
        group by leaving.subject_id
    ),
    band as (
        select coalesce(max(known.persons), 0) as persons, coalesce(max(known.share), 0) as share
        from core.harm_band as known
        cross join last_build
        where known.product = wanted_product
        and known.band = case
            when exists (select from audit.export_ledger where product = wanted_product and scope = 'all') then 'SWING'
            else 'FIRST_LOAD'
        end
        and known.valid_from <= last_build.day and (known.valid_to is null or last_build.day < known.valid_to)
    )
    select fresh.item_id
    from fresh
    cross join band
    where (select count(*) from fresh) > band.persons
    and (select count(*) from fresh) > band.share * (
        select count(distinct item.subject_id)
        from core.credit_item as item
        where item.recorded_to = 'infinity' and item.subject_id is not null and item.item_id in (
            select entry.item_id from exports.feed_entry as entry
            where entry.feed in (select feed from audit.export_ledger where product = wanted_product)
        )
    )
$$;
comment on function exports.fresh_beyond_band is
    '超出 core.harm_band 幅度时的新增主体，每个主体一条 | new subjects of a delivery that is beyond its band, one item of each';
