-- Requests that may come twice: the first answer is kept and given again.
create table idempotency_keys(
  tenant_id text not null,
  key text not null check (length(key) between 1 and 255),
  sha256 bytea not null,         -- of the body: one key means one request
  first_seen_at timestamptz not null,  -- the time the rows without one get, on a repetition too
  locked_until timestamptz not null,   -- somebody is working on it; past = that one died
  response jsonb,
  primary key(tenant_id, key)
);
create index idempotency_keys_old on idempotency_keys(first_seen_at);
select tenant_table('idempotency_keys', 'select, insert, update, delete');
