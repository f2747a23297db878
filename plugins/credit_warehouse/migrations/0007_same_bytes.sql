-- A snapshot says what is on its day: the same bytes for another day are another statement. If they counted as the
-- same file, a list that returns to what it was would leave everybody listed whom the days between had added.
drop index audit.batch_same_bytes;
create unique index batch_same_bytes on audit.batch (
    source, sha256, (case mode when 'full' then business_date else date '-infinity' end)
) where status <> 'refused';
