-- every tenant, with how many of its users got in lately from addresses where nobody failed within the hour: those of
-- %(tenants)s and %(ips)s (one a line), which tick_logins has found
with calm as (
  select tenant_id, count(distinct user_id) as users
  from auth_ops_logs r
  where occurred_at >= %(now)s - interval '15 minutes' and occurred_at <= %(now)s and not synthetic
    and type = 'login_succeeded' and ip is not null and user_id is not null
    and not exists (
      select from unnest(%(tenants)s::text[], string_to_array(%(ips)s, chr(10))::inet[]) f(tenant_id, ip)
      where f.tenant_id = r.tenant_id and f.ip = r.ip)
  group by tenant_id
)
select tenant_id, micros(watermark), least(extract(epoch from %(now)s - first_at) / 86400, 28)::float8, active_users,
  coalesce(users, 0)
from auth_tenant left join calm using (tenant_id)
where first_at <= %(now)s
