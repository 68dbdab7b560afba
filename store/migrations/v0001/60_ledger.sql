-- The ledger: what was, or may have been, applied. Written before the effect, never after.
create table leases(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  decision_id uuid not null references decisions(id),
  step int not null,
  action_key text not null,
  params jsonb not null,
  targets text[] not null,
  state text not null,
  fence bigint not null,
  pre_image jsonb,
  ttl_seconds float8 not null check (ttl_seconds > 0),
  created_at timestamptz not null,
  applied_at timestamptz,
  expires_at timestamptz,
  reverted_at timestamptz,
  attempts int not null default 0,
  next_attempt_at timestamptz,
  receipt jsonb,
  error text,
  revert_reason text,
  unique(decision_id, step)
);
create index leases_live on leases(expires_at) where state not in ('reverted');
create index leases_incident on leases(incident_id);
select tenant_table('leases', 'select');
