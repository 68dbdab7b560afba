-- resets, verifications, callbacks and tokens of the last hour, with what is usual; what is usual and did not happen,
-- too: the share that usually fails is that of all tenants, also of those that are quiet now
with recent as (
  select tenant_id, type,
    coalesce(sum(n) filter (where bucket >= %(now)s - interval '5 minutes'), 0) as n_5m,
    coalesce(sum(n) filter (where bucket >= %(now)s - interval '15 minutes'), 0) as n_15m,
    sum(n) as n_60m, min(bucket) as first_at, max(bucket) as last_at
  from auth_metric_minutes
  where bucket >= %(now)s - interval '60 minutes' and bucket <= %(now)s
    and (type = any(%(types)s) or position('@' in type) > 0)
  group by tenant_id, type
), usual as (
  select tenant_id, type, mean, variance, total from auth_fault_profile
)
select tenant_id, type, coalesce(n_5m, 0)::bigint, coalesce(n_15m, 0)::bigint, coalesce(n_60m, 0)::bigint,
  micros(r.first_at), micros(r.last_at),
  case when t.first_at > %(now)s - interval '7 days' then 'NaN' else coalesce(u.mean, 0) end,
  case when t.first_at > %(now)s - interval '7 days' then 'NaN' else coalesce(u.variance, 0) end,
  coalesce(u.total, 0)
from recent r full join usual u using (tenant_id, type) join auth_tenant t using (tenant_id)
