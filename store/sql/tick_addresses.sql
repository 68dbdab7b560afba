-- the past of every address that tried in the last 60 minutes, and of those that overflowed and have not drained
select a.tenant_id, host(a.ip) as ip, coalesce(a.first_ok <= %(now)s, false)
    and address_known(a.users_tried, a.users_entered, a.failures, a.successes, a.failures_before_ok) as known, a.first_seen at time zone 'UTC',
  a.failures, a.successes,
  case when drained then 0 else level end as bucket_level,
  case when drained then null else a.overflowed_at at time zone 'UTC' end as overflowed_at,
  case when drained then 0 else a.run_n end as overflow_n,
  case when drained then null else a.run_first at time zone 'UTC' end as overflow_first
from (
  select tenant_id, ip from unnest(%(tenants)s::text[], %(ips)s::inet[]) k(tenant_id, ip)
  union
  select tenant_id, ip from auth_address
  where overflowed_at is not null and bucket_at >
    %(now)s - (select make_interval(secs => (capacity + 1) * leak_seconds) from auth_bucket_setting)
) k
-- one index look-up per address: a join would be planned by guesses about the length of the arrays
cross join lateral (select * from auth_address a where a.tenant_id = k.tenant_id and a.ip = k.ip limit 1) a
cross join auth_bucket_setting s
cross join lateral (
  select a.bucket_level - greatest(extract(epoch from %(now)s - a.bucket_at), 0)::float8 / s.leak_seconds as level
) b
cross join lateral (select coalesce(level <= 0, true) as drained) d
