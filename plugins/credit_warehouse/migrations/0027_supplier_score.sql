-- What a source declares of how often it delivers: without it, a yearly list would be late every day.
alter table audit.source add column fresh_days integer;
comment on column audit.source.fresh_days is
    '声明的时效：最近一次报送至多多少天前 | declared freshness: days after which the newest delivery is overdue';
