-- every series of every tenant in every window, with its baseline: one query per tick
with cell as (
  select tenant_id, type,
    case when bucket >= %(now)s - interval '5 minutes' then n else 0 end as n_5m,
    case when bucket >= %(now)s - interval '15 minutes' then n else 0 end as n_15m,
    n as n_60m,
    case when bucket >= %(hour)s then n else 0 end as n_6h,
    case when bucket >= %(hour)s then n else 0 end as n_24h
  from auth_metric_minutes where bucket >= %(now)s - interval '60 minutes' and bucket <= %(now)s
  union all
  select tenant_id, type, 0, 0, 0, case when bucket >= %(hour_6h)s then n else 0 end, n
  from auth_metric_hours where bucket >= %(hour_24h)s and bucket < %(hour)s
  union all
  select tenant_id, type, 0, 0, 0, n, 0
  from auth_metric_minutes where bucket >= %(now)s - interval '6 hours' and bucket < %(hour_6h)s
  union all
  select tenant_id, type, 0, 0, 0, 0, n
  from auth_metric_minutes where bucket >= %(now)s - interval '24 hours' and bucket < %(hour_24h)s
), series as (
  select tenant_id, type, sum(n_5m) as n_5m, sum(n_15m) as n_15m, sum(n_60m) as n_60m, sum(n_6h) as n_6h,
    sum(n_24h) as n_24h
  from cell where position('@' in type) = 0 group by tenant_id, type
)
select s.tenant_id, s.type, n_5m::bigint, n_15m::bigint, n_60m::bigint, n_6h::bigint, n_24h::bigint,
  case when mature then (coalesce(b.median, 0) * (1 - %(share_15m)s) + coalesce(c.median, 0) * %(share_15m)s) / 4
    else 'NaN' end as base_15m,
  case when mature then coalesce(b.median, 0) * (1 - %(share_60m)s) + coalesce(c.median, 0) * %(share_60m)s
    else 'NaN' end as base_60m
from series s
join (select tenant_id, first_at <= %(now)s - interval '7 days' as mature from auth_tenant) t using (tenant_id)
left join auth_metric_profile b
  on b.hour = %(hour)s - interval '1 hour' and b.tenant_id = s.tenant_id and b.type = s.type
left join auth_metric_profile c on c.hour = %(hour)s and c.tenant_id = s.tenant_id and c.type = s.type
