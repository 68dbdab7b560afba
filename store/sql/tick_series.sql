-- every series of every tenant in every window, with its baseline: one query per tick
with series as (
  select tenant_id, type,
    sum(n) filter (where bucket >= %(now)s - interval '5 minutes') as n_5m,
    sum(n) filter (where bucket >= %(now)s - interval '15 minutes') as n_15m,
    sum(n) as n_60m
  from auth_metric_minutes
  where bucket >= %(now)s - interval '60 minutes' and bucket <= %(now)s and position('@' in type) = 0
  group by tenant_id, type
)
select s.tenant_id, s.type, coalesce(n_5m, 0)::bigint, coalesce(n_15m, 0)::bigint, n_60m::bigint,
  case when mature then (coalesce(b.median, 0) * (1 - %(share_15m)s) + coalesce(c.median, 0) * %(share_15m)s) / 4
    else 'NaN' end as base_15m,
  case when mature then coalesce(b.median, 0) * (1 - %(share_60m)s) + coalesce(c.median, 0) * %(share_60m)s
    else 'NaN' end as base_60m
from series s
join (select tenant_id, first_at <= %(now)s - interval '7 days' as mature from auth_tenant) t using (tenant_id)
left join auth_metric_profile b
  on b.hour = %(hour)s - interval '1 hour' and b.tenant_id = s.tenant_id and b.type = s.type
left join auth_metric_profile c on c.hour = %(hour)s and c.tenant_id = s.tenant_id and c.type = s.type
