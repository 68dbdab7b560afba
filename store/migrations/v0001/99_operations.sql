-- Operational runbooks: what each run of one came to, and what people said to it.
create table operation_runs(
  id uuid primary key,
  tenant_id text not null,
  operation text not null check (operation in
    ('launch_checklist', 'launch_ramp', 'flag_management', 'incident_escalation')),
  drill boolean not null,        -- a rehearsal: it changed nothing
  who text not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  outcome text not null,         -- "GO", "NO-GO", "passed" ...
  passed boolean not null,
  detail jsonb not null          -- redacted; its shape is the operation's
);
create index operation_runs_latest on operation_runs(tenant_id, operation, started_at desc);
select tenant_table('operation_runs', 'select');

-- an item of the launch checklist that holds no launch back, for a while, on somebody's word
create table launch_waivers(
  id uuid primary key,
  tenant_id text not null,
  item text not null,
  person_id uuid not null references people(id),
  approver text not null,
  reason text not null,
  granted_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > granted_at),
  withdrawn_at timestamptz
);
create index launch_waivers_live on launch_waivers(tenant_id, item) where withdrawn_at is null;
select tenant_table('launch_waivers', 'select');

-- what somebody says a flag is for the safety of the product: its safe variant, its end, what it rests on
create table flag_declarations(
  tenant_id text not null,
  key text not null,
  safe text not null,            -- the variant to fall back to
  kill_switch boolean not null,  -- throwing it takes something away at once, so it must be thrown now and then
  expires_at timestamptz,        -- of a temporary one: by then it is out of the code
  depends_on text[] not null,    -- keys that must not be at their safe variant while this one is not
  declared_by text not null,
  declared_at timestamptz not null,
  primary key(tenant_id, key)
);
select tenant_table('flag_declarations', 'select');

-- who runs an incident, and what of it is due: commander, scribe, comms; updates; counsel
create table incident_roles(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  role text not null check (role in ('commander', 'scribe', 'comms')),
  person_id uuid not null references people(id),
  since timestamptz not null,
  given_by text not null,
  note text not null default '', -- what the one before hands over
  ended_at timestamptz
);
create unique index incident_roles_held on incident_roles(incident_id, role) where ended_at is null;
select tenant_table('incident_roles', 'select');
create table incident_rooms(
  incident_id uuid primary key references incidents(id),
  tenant_id text not null,
  opened_at timestamptz not null,
  updated_at timestamptz,        -- when people were last told how it stands
  legal boolean not null,        -- counsel must be told
  counsel_told_at timestamptz,
  counsel_told_by text,
  aware_at timestamptz,          -- from here the time to tell the authority counts; counsel decides whether it is due
  aware_by text,
  counsel_says text,             -- what counsel decided
  looked_at timestamptz,         -- when it was last seen what is due
  next_look timestamptz,         -- before that nothing becomes due; null = look again
  severity_seen smallint         -- of the incident, then
);
select tenant_table('incident_rooms', 'select');
