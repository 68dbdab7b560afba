-- users with sessions from several addresses in the last 40 minutes
select tenant_id, user_id, count(*), count(distinct ip), micros(min(occurred_at)), micros(max(occurred_at)),
  array_agg(distinct host(ip)), synthetic, drill_id
from auth_ops_logs
where occurred_at > %(since)s and occurred_at > %(now)s - interval '40 minutes' and occurred_at <= %(now)s
  and type = 'session_created' and user_id is not null and ip is not null
group by tenant_id, user_id, synthetic, drill_id
having count(distinct ip) > 1
