-- events at this hour of the day and one hour around it over 28 days (the hours `samples`): mean and variance an hour,
-- hours without events being zeros, and the sum. Of failures the highest hours (a `share`) count no more than the others
-- reach, or `least`: neither an outage nor an attack of last week is usual.
with past as (
  select tenant_id,
    (3 * least(28, greatest(1, floor(extract(epoch from %(hour)s - first_at) / 86400))))::float8 as hours
  from auth_tenant
), counted as (
  select tenant_id, type, n::float8 as n, split_part(type, '@', 1) = any(%(failures)s) as failed
  from auth_metric_hours
  where bucket = any(%(samples)s::timestamptz[]) and (type = any(%(types)s) or position('@' in type) > 0)
), ranked as (
  select tenant_id, type, n, hours, row_number() over (partition by tenant_id, type order by n desc) as place
  from counted join past using (tenant_id) where failed
), cut as (
  select tenant_id, type, hours, least(n, greatest(%(least)s,
    max(case when place = 1 + floor(hours * %(share)s) then n end) over (partition by tenant_id, type))) as n
  from ranked
), added as (
  select tenant_id, type, hours, sum(n) as one, sum(n * n) as two from cut group by 1, 2, 3
  union all
  select tenant_id, type, hours, sum(n), sum(n * n) from counted join past using (tenant_id) where not failed group by 1, 2, 3
)
insert into auth_fault_profile(tenant_id, type, mean, variance, total)
select tenant_id, type, one / hours, greatest(two / hours - (one / hours) ^ 2, 0), one from added
