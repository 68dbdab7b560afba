-- who tried to log in from where in the last 60 minutes: the only raw events a tick reads
select tenant_id, host(ip) as ip, user_id,
  count(*) filter (where failed and occurred_at >= %(now)s - interval '5 minutes') as fail_5m,
  count(*) filter (where failed and occurred_at >= %(now)s - interval '15 minutes') as fail_15m,
  count(*) filter (where failed and occurred_at >= %(now)s - interval '30 minutes') as fail_30m,
  count(*) filter (where failed) as fail_60m,
  count(*) filter (where not failed and occurred_at >= %(now)s - interval '15 minutes') as ok_15m,
  count(*) filter (where not failed) as ok_60m,
  min(occurred_at) filter (where failed) at time zone 'UTC' as first_fail,
  max(occurred_at) filter (where failed) at time zone 'UTC' as last_fail,
  max(occurred_at) filter (where not failed) at time zone 'UTC' as last_ok,
  max(country) as country, null::text as asn,
  count(distinct user_agent) as user_agents, max(user_agent) as user_agent, synthetic, drill_id
from (
  select *, type = 'login_failed' as failed from auth_ops_logs
  where occurred_at >= %(now)s - interval '60 minutes' and occurred_at <= %(now)s
    and type in ('login_failed', 'login_succeeded') and ip is not null
) l
group by tenant_id, ip, user_id, synthetic, drill_id
