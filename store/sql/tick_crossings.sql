-- accesses across tenants and failed probes of the last 6 hours
select tenant_id, micros(at), probe, user_id, resource_tenant_id, host(ip), allowed, synthetic, drill_id
from auth_crossing
where at > %(now)s - interval '6 hours' and at <= %(now)s
order by tenant_id, at, id
