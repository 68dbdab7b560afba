-- events at this hour of the day and one hour around it over 28 days (the hours `samples`): mean and variance an hour,
-- hours without events being zeros, and the sum. The highest of them (a `share`) count no more than the others reach, or
-- `least`: neither an outage nor an attack of last week is usual.
with cell as (
  select tenant_id, type, n, row_number() over (partition by tenant_id, type order by n desc) as place
  from auth_metric_hours
  where bucket = any(%(samples)s::timestamptz[]) and (type = any(%(types)s) or position('@' in type) > 0)
), past as (
  select tenant_id, (3 * least(28, greatest(1, floor(extract(epoch from %(hour)s - first_at) / 86400)))) as hours
  from auth_tenant
), cut as (
  select tenant_id, type, hours::float8,
    least(n, greatest(max(case when place = 1 + floor(hours * %(share)s) then n end) over one, %(least)s))::float8 as n
  from cell join past using (tenant_id)
  window one as (partition by tenant_id, type)
), added as (
  select tenant_id, type, hours, sum(n) as one, sum(n * n) as two from cut group by 1, 2, 3
)
insert into auth_fault_profile(tenant_id, type, mean, variance, total)
select tenant_id, type, one / hours, greatest(two / hours - (one / hours) ^ 2, 0), one from added
