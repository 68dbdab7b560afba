-- deltas of counts -> minutes (of the last 48 h), hours, tenants, and what has to be summarised again
with taken as (
  delete from auth_metric_delta returning bucket, tenant_id, type, n, first_at, last_at
), cell as (
  select bucket, tenant_id, type, sum(n)::int as n from taken group by 1, 2, 3
), newest as (
  select least(now(), greatest((select max(last_at) from taken), (select max(watermark) from auth_tenant))) as at
), minutes as (
  insert into auth_metric_minutes as m(bucket, tenant_id, type, n)
  select bucket, tenant_id, type, n from cell
  where bucket >= (select at - interval '48 hours' from newest) order by 1, 2, 3
  on conflict(bucket, tenant_id, type) do update set n = m.n + excluded.n
), hours as (
  insert into auth_metric_hours as h(bucket, tenant_id, type, n)
  select date_trunc('hour', bucket, 'UTC'), tenant_id, type, sum(n)::int from cell group by 1, 2, 3 order by 1, 2, 3
  on conflict(bucket, tenant_id, type) do update set n = h.n + excluded.n
), tenants as (
  insert into auth_tenant as t(tenant_id, first_at, watermark)
  select tenant_id, min(first_at), max(last_at) from taken group by 1 order by 1
  on conflict(tenant_id) do update
  set first_at = least(t.first_at, excluded.first_at), watermark = greatest(t.watermark, excluded.watermark)
), stale as (
  insert into auth_stale(what, bucket)
  select 'hour', date_trunc('hour', bucket, 'UTC') from cell where type = 'login_failed' group by 2
  union all
  select 'day', date_trunc('day', bucket, 'UTC') from cell where type = 'login_succeeded' group by 2
  on conflict do nothing
)
select coalesce(sum(n), 0)::bigint from taken where position('@' in type) = 0
