-- logins of administrators in the last 60 minutes: whether sessions of theirs knew the country before, where they were
-- last, and whether they changed something within 30 minutes
with happened as (
  select tenant_id, user_id, occurred_at, id, type = 'admin_login' as login, ip, country, user_agent, synthetic, drill_id,
    attributes @> '{"break_glass": true}' as break_glass
  from auth_ops_logs
  where occurred_at > %(since)s and occurred_at <= %(now)s
    and type in ('admin_login', 'admin_action', 'mfa_removed') and user_id is not null
)
select l.tenant_id, l.user_id, micros(l.occurred_at), host(l.ip), l.country, agent_hash(l.user_agent)::text,
  coalesce(k.first_at < l.occurred_at, false), p.country, micros(p.last_at),
  exists(select from happened a where not a.login and a.tenant_id = l.tenant_id and a.user_id = l.user_id
    and a.drill_id is not distinct from l.drill_id
    and a.occurred_at between l.occurred_at and l.occurred_at + interval '30 minutes'),
  l.break_glass, l.synthetic, l.drill_id
from happened l
left join auth_user_country k
  on k.tenant_id = l.tenant_id and k.user_id = l.user_id and k.country = l.country and not l.synthetic
left join lateral (
  select s.country, s.last_at from (
    select country, last_at from auth_user_country where tenant_id = l.tenant_id and user_id = l.user_id
    union all
    select value, last_at from auth_admin_habit
    where tenant_id = l.tenant_id and user_id = l.user_id and what = 'country'
  ) s
  where s.country <> l.country and s.last_at <= l.occurred_at and s.last_at >= l.occurred_at - interval '6 hours'
    and not l.synthetic
  order by s.last_at desc limit 1
) p on true
where l.login
order by l.tenant_id, l.user_id, l.occurred_at, l.id
