-- users who were seen, within the hour, in a country new for them, with every other place of the last 6 hours
-- (a drill knows its own events alone)
with drilled as (
  select tenant_id, drill_id, user_id, country, min(occurred_at) as first_at, max(occurred_at) as last_at,
    min(ip) as ip, min(agent_hash(user_agent)) as agent, min(spot_of(attributes)) as spot
  from auth_ops_logs
  where occurred_at >= %(since)s and occurred_at <= %(now)s
    and type in ('session_created', 'login_succeeded') and synthetic and user_id is not null and country is not null
  group by 1, 2, 3, 4
)
select n.tenant_id, n.user_id, n.country, micros(n.first_at), host(n.first_ip), o.country,
  micros(least(o.last_at, %(now)s)), coalesce(n.first_agent <> o.last_agent, true), n.first_spot, o.last_spot, false,
  null::text
from auth_user_country n
join auth_user_country o on o.tenant_id = n.tenant_id and o.user_id = n.user_id and o.country <> n.country
  and o.first_at < n.first_at and o.last_at >= n.first_at - interval '6 hours'
where n.first_at > %(now)s - interval '60 minutes' and n.first_at <= %(now)s
union all
select n.tenant_id, n.user_id, n.country, micros(n.first_at), host(n.ip), o.country, micros(o.last_at),
  coalesce(n.agent <> o.agent, true), n.spot, o.spot, true, n.drill_id
from drilled n join drilled o on o.tenant_id = n.tenant_id and o.drill_id = n.drill_id and o.user_id = n.user_id
  and o.country <> n.country and o.first_at < n.first_at
