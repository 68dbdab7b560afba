-- the median of the same hour of the week over 28 days, for the hour that ran, runs and comes
insert into auth_metric_profile(hour, tenant_id, type, median, weeks)
select t.hour, s.tenant_id, s.type,
  percentile_cont(0.5) within group (order by coalesce(m.n, 0)), count(*)
from (select unnest(%(hours)s::timestamptz[]) as hour) t
cross join (
  select distinct tenant_id, type from auth_metric_hours
  where bucket = any(%(samples)s::timestamptz[]) and position('@' in type) = 0
) s
join auth_tenant n on n.tenant_id = s.tenant_id
join generate_series(1, 4) w on t.hour - w * interval '7 days' >= date_trunc('hour', n.first_at, 'UTC')
left join auth_metric_hours m
  on m.bucket = t.hour - w * interval '7 days' and m.tenant_id = s.tenant_id and m.type = s.type
group by 1, 2, 3
