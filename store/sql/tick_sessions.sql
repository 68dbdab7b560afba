-- users with sessions from several addresses in the last 40 minutes; they are few, so that all else is counted of these
-- alone
with begun as (
  select tenant_id, user_id, ip, occurred_at, synthetic, drill_id
  from auth_ops_logs
  where occurred_at > %(since)s and occurred_at > %(now)s - interval '40 minutes' and occurred_at <= %(now)s
    and type = 'session_created' and user_id is not null and ip is not null
), moved as (
  select tenant_id, user_id, synthetic, drill_id from begun
  group by tenant_id, user_id, synthetic, drill_id having min(ip) <> max(ip)
)
select tenant_id, user_id, count(*), count(distinct ip), micros(min(occurred_at)), micros(max(occurred_at)),
  array_agg(distinct host(ip)), synthetic, drill_id
from begun b
where (tenant_id, user_id, synthetic, coalesce(drill_id, '')) in (
  select tenant_id, user_id, synthetic, coalesce(drill_id, '') from moved)
group by tenant_id, user_id, synthetic, drill_id having min(ip) <> max(ip)
