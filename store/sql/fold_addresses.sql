-- deltas of logins -> first and number of successes and failures per address; returns the failures, which
-- the caller pours into the buckets in event time
with taken as (
  delete from auth_login_delta returning tenant_id, ip, first_at, failed, n
), known as (
  insert into auth_address as a(tenant_id, ip, first_seen, first_ok, failures, successes)
  select tenant_id, ip, min(first_at), min(first_at) filter (where not failed),
    coalesce(sum(n) filter (where failed), 0), coalesce(sum(n) filter (where not failed), 0)
  from taken group by 1, 2 order by 1, 2
  on conflict(tenant_id, ip) do update
  set first_seen = least(a.first_seen, excluded.first_seen), first_ok = least(a.first_ok, excluded.first_ok),
    failures = a.failures + excluded.failures, successes = a.successes + excluded.successes
)
select tenant_id, host(ip) as ip, array_agg(first_at order by first_at) as times
from taken, generate_series(1, n) where failed group by 1, 2
