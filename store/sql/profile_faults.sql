-- events at this hour of the day and one hour around it over 28 days (the hours `samples`): mean and variance an hour,
-- hours without events being zeros, and the sum
with cell as (
  select tenant_id, type, sum(n)::float8 as one, sum(n::float8 * n) as two
  from auth_metric_hours
  where bucket = any(%(samples)s::timestamptz[]) and (type = any(%(types)s) or position('@' in type) > 0)
  group by 1, 2
), sampled as (
  select cell.*, (3 * least(28, greatest(1, floor(extract(epoch from %(hour)s - first_at) / 86400))))::float8 as hours
  from cell join auth_tenant using (tenant_id)
)
insert into auth_fault_profile(tenant_id, type, mean, variance, total)
select tenant_id, type, one / hours, greatest(two / hours - (one / hours) ^ 2, 0), one from sampled
