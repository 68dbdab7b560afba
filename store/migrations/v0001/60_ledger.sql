-- The ledger: what was, or may have been, applied. Written before the effect, never after.
create table leases(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  decision_id uuid not null references decisions(id),
  step int not null,
  action_key text not null,
  shadow boolean not null default false,  -- of a drill: it acts on nothing that anybody's application reads
  params jsonb not null,
  targets text[] not null,
  state text not null check (state in ('intended', 'applying', 'active', 'verified', 'reverting', 'reverted',
                                       'unknown', 'revert_failed')),
  fence bigint not null,
  expected_version int,          -- of the flag's base, as the approver saw it
  pre_image jsonb,
  ttl_seconds float8 check (ttl_seconds > 0),  -- null = it leaves nothing that would have to end
  created_at timestamptz not null,
  applied_at timestamptz,
  expires_at timestamptz,        -- fixed before the effect, so that a crash cannot lengthen it
  reverted_at timestamptz,
  late_seconds float8,           -- how long after its end it was reverted
  attempts int not null default 0,
  next_attempt_at timestamptz,   -- when somebody else may take over what looks unfinished
  receipt jsonb,
  error text,
  revert_reason text,
  unique(decision_id, step),
  check (state in ('intended', 'reverted') or pre_image is not null),
  check (state not in ('active', 'verified') or (receipt is not null and applied_at is not null))
);
create index leases_ending on leases(expires_at) where state in ('active', 'verified');
create index leases_unfinished on leases(next_attempt_at)
  where state in ('intended', 'applying', 'unknown', 'reverting', 'revert_failed');
create index leases_incident on leases(incident_id);
select tenant_table('leases', 'select');

-- containment ends by the word of two people: who wants it ended, and when they last said so
create table lease_releases(
  lease_id uuid not null references leases(id),
  tenant_id text not null,
  actor text not null,           -- "person:<email>"
  reason text not null,
  at timestamptz not null,
  primary key(lease_id, actor)
);
select tenant_table('lease_releases', 'select');
