-- users and early failures of addresses in a span of time (spine/detect/trust.py)
select host(ip), count(distinct who) as tried, count(distinct who) filter (where ok) as entered,
  count(*) filter (where not ok and (ok_at is null or occurred_at < ok_at)) as early
from (
  select ip, coalesce(user_id, id) as who, type = 'login_succeeded' as ok, occurred_at,
    min(occurred_at) filter (where type = 'login_succeeded') over (partition by ip) as ok_at
  from auth_ops_logs
  where {reached} and occurred_at >= %(since)s and occurred_at < %(until)s
    and type in ('login_succeeded', 'login_failed') and ip = any(%(addresses)s::inet[])
) l
group by ip
