-- deltas of logins -> what is known of each address: its first and number of successes and failures, and its users;
-- returns the failures, which the caller pours into the buckets in event time
with taken as (
  delete from auth_login_delta returning tenant_id, ip, first_at, failed, n, users
), dated as (
  select *, min(first_at) filter (where not failed) over (partition by tenant_id, ip) as ok_at from taken
), known as (
  insert into auth_address as a(tenant_id, ip, first_seen, first_ok, failures, successes, users_tried, users_entered,
    failures_before_ok, maps_since)
  select tenant_id, ip, min(first_at), min(ok_at),
    coalesce(sum(n) filter (where failed), 0), coalesce(sum(n) filter (where not failed), 0),
    bit_or(users), coalesce(bit_or(users) filter (where not failed), 0),
    coalesce(sum(n) filter (where failed and (ok_at is null or first_at < ok_at)), 0), min(first_at)
  from dated group by 1, 2 order by 1, 2
  on conflict(tenant_id, ip) do update
  set first_seen = least(a.first_seen, excluded.first_seen), first_ok = least(a.first_ok, excluded.first_ok),
    failures = a.failures + excluded.failures, successes = a.successes + excluded.successes,
    users_tried = case when excluded.maps_since > a.maps_since + interval '30 days' then 0 else a.users_tried end | excluded.users_tried,
    users_entered = case when excluded.maps_since > a.maps_since + interval '30 days' then 0 else a.users_entered end | excluded.users_entered,
    users_tried_before = case when excluded.maps_since > a.maps_since + interval '30 days' then a.users_tried else a.users_tried_before end,
    users_entered_before = case when excluded.maps_since > a.maps_since + interval '30 days' then a.users_entered else a.users_entered_before end,
    maps_since = case when excluded.maps_since > a.maps_since + interval '30 days' then excluded.maps_since else a.maps_since end,
    failures_before_ok = a.failures_before_ok
      + case when a.first_ok is null then excluded.failures_before_ok else 0 end
)
select tenant_id, host(ip) as ip, array_agg(first_at order by first_at) as times
from taken, generate_series(1, n) where failed group by 1, 2
