-- every tenant, with how many of its users got in lately from addresses where nobody failed
with recent as (
  select tenant_id, ip, user_id, type = 'login_failed' as failed, occurred_at >= %(now)s - interval '15 minutes' as lately
  from auth_ops_logs
  where occurred_at >= %(since)s and occurred_at <= %(now)s and not synthetic
    and type in ('login_failed', 'login_succeeded') and ip is not null
), calm as (
  select tenant_id, count(*) as users from (
    select distinct tenant_id, user_id from recent r
    where lately and not failed and user_id is not null
      and not exists (select from recent f where f.failed and f.tenant_id = r.tenant_id and f.ip = r.ip)
  ) u group by tenant_id
)
select tenant_id, micros(watermark), least(extract(epoch from %(now)s - first_at) / 86400, 28)::float8, active_users,
  coalesce(users, 0)
from auth_tenant left join calm using (tenant_id)
where first_at <= %(now)s
