update auth_address as a
set bucket_level = b.level, bucket_at = b.at, run_n = b.run_n, run_first = b.run_first, overflowed_at = b.overflowed_at
from unnest(%(tenant)s::text[], %(ip)s::inet[], %(level)s::float8[], %(at)s::timestamptz[], %(run_n)s::int[],
  %(run_first)s::timestamptz[], %(overflowed_at)s::timestamptz[])
  as b(tenant_id, ip, level, at, run_n, run_first, overflowed_at)
where a.tenant_id = b.tenant_id and a.ip = b.ip
