-- who tried to log in from the addresses that failed in the last 60 minutes, with the past of those addresses: the
-- only raw events a tick reads. Times are microseconds (see `micros`), which become an array without a detour.
with tried as (
  select tenant_id, ip, user_id, occurred_at, type = 'login_failed' as failed, country, user_agent, synthetic, drill_id
  from auth_ops_logs
  where occurred_at >= %(since)s and occurred_at <= %(now)s
    and type in ('login_failed', 'login_succeeded') and ip is not null
), login as (
  select tenant_id, ip, user_id,
    count(*) filter (where failed and occurred_at >= %(now)s - interval '5 minutes') as fail_5m,
    count(*) filter (where failed and occurred_at >= %(now)s - interval '15 minutes') as fail_15m,
    count(*) filter (where failed and occurred_at >= %(now)s - interval '30 minutes') as fail_30m,
    count(*) filter (where failed) as fail_60m,
    count(*) filter (where not failed and occurred_at >= %(now)s - interval '15 minutes') as ok_15m,
    count(*) filter (where not failed) as ok_60m,
    min(occurred_at) filter (where failed) as first_fail,
    max(occurred_at) filter (where failed) as last_fail,
    min(occurred_at) filter (where not failed) as first_ok, max(occurred_at) filter (where not failed) as last_ok,
    max(country) as country, count(distinct user_agent) as user_agents, max(user_agent) as user_agent,
    synthetic, drill_id
  from tried t
  where exists(select from tried f where f.failed and f.tenant_id = t.tenant_id and f.ip = t.ip)
  group by tenant_id, ip, user_id, synthetic, drill_id
)
select l.tenant_id, host(l.ip), user_id, fail_5m, fail_15m, fail_30m, fail_60m, ok_15m, ok_60m, micros(first_fail),
  micros(last_fail), micros(last_ok), country, null::text as asn, user_agents, user_agent, synthetic, drill_id,
  -- somebody who got in from here before this hour, or before failing in it
  coalesce(user_id is not null and (l.first_ok is null or l.first_ok < l.first_fail)
    and at_home(a.users_entered | a.users_entered_before, user_bit(user_id, seed)), false) as at_home,
  -- with the device that this user used last in this country: a client of theirs, which retries a stale password
  fail_60m >= 10 and user_agents = 1 and exists(
    select from auth_user_country c
    where c.tenant_id = l.tenant_id and c.user_id = l.user_id and c.country = l.country
      and c.first_at < l.first_fail - interval '1 day' and c.last_agent = agent_hash(l.user_agent)) as own_device,
  coalesce(a.first_ok <= %(now)s and address_known(a.users_tried | a.users_tried_before,
    a.users_entered | a.users_entered_before, a.failures, a.successes, a.failures_before_ok), false) as known,
  micros(a.first_seen), a.failures, a.successes,
  case when drained then 0 else level end as bucket_level,
  micros(case when not drained then a.overflowed_at end) as overflowed_at,
  case when drained then 0 else a.run_n end as overflow_n,
  micros(case when not drained then a.run_first end) as overflow_first
from login l
cross join auth_bucket_setting s
cross join auth_user_bits
-- one index look-up per row: a join would be planned by guesses about their number
left join lateral (select * from auth_address a where a.tenant_id = l.tenant_id and a.ip = l.ip limit 1) a on true
cross join lateral (
  select a.bucket_level - greatest(extract(epoch from %(now)s - a.bucket_at), 0)::float8 / s.leak_seconds as level
) b
cross join lateral (select coalesce(level <= 0, true) as drained) d
order by l.tenant_id, l.ip
