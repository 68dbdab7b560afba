-- Who is on call, who is paged after whom, and what became of it. '*' = for every tenant.
create function oncall_table(t regclass) returns void language plpgsql as $$
begin
  perform tenant_table(t, 'select');
  -- a tenant sees what is kept for all of them
  execute format('create policy everybodys on %s for select to opsspine_app using (tenant_id = ''*'')', t);
end $$;

create table oncall_schedules(
  id uuid primary key,
  tenant_id text not null,
  name text not null,
  zone text not null,
  layers jsonb not null,         -- [spine.oncall.schedule.Layer], people by id
  version int not null check (version > 0),
  updated_at timestamptz not null,
  unique(tenant_id, name)
);
select oncall_table('oncall_schedules');

create table oncall_overrides(
  id uuid primary key,
  tenant_id text not null,
  schedule_id uuid not null references oncall_schedules(id) on delete cascade,
  people text[] not null,        -- ids
  starts_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > starts_at),
  reason text not null,
  created_at timestamptz not null,
  created_by text not null,
  cancelled_at timestamptz
);
create index oncall_overrides_of on oncall_overrides(schedule_id, ends_at) where cancelled_at is null;
select oncall_table('oncall_overrides');

create table oncall_policies(
  id uuid primary key,
  tenant_id text not null,
  name text not null,
  body jsonb not null,           -- spine.oncall.policy.Policy
  version int not null check (version > 0),
  updated_at timestamptz not null,
  unique(tenant_id, name)
);
select oncall_table('oncall_policies');

-- one escalation for each incident that pages; the policy is frozen into it
create table oncall_escalations(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null unique references incidents(id),
  policy text not null,
  body jsonb not null,           -- spine.oncall.policy.Policy
  state text not null check (state in ('paging', 'acknowledged', 'exhausted', 'ended')),
  turn int not null default 0,   -- how often paging began: the first time, and after each silence
  round int not null default 0,  -- how often the steps were gone through in this turn
  step int not null default 0,   -- the next step
  due_at timestamptz,            -- when it is taken; null = none is
  started_at timestamptz not null,
  acknowledged_at timestamptz,
  acknowledged_by uuid references people(id),
  via text,
  ended_at timestamptz
);
create index oncall_escalations_live on oncall_escalations(state) where state <> 'ended';
select tenant_table('oncall_escalations', 'select');

-- one row for each person, or for nobody, that a step called
create table oncall_pages(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  escalation_id uuid not null references oncall_escalations(id),
  turn int not null,
  round int not null,
  step int not null,
  target text not null,          -- as the policy has it: "schedule:primary", "person:<id>" ...
  person_id uuid references people(id),
  important boolean not null,
  at timestamptz not null,
  problem text                   -- why nobody could be called; null = somebody was
);
create index oncall_pages_incident on oncall_pages(incident_id, at);
create index oncall_pages_step on oncall_pages(escalation_id, turn, round, step);
select tenant_table('oncall_pages', 'select');

-- how people are reached. Above tenants, as people are, and opened by the system role alone
create table oncall_contacts(
  id uuid primary key,
  person_id uuid not null references people(id),
  channel text not null check (channel in ('email', 'slack', 'pagerduty', 'apprise')),
  name text not null,            -- what the person calls it: "phone"
  sealed bytea not null,         -- the address, encrypted (store/secrets.py)
  created_at timestamptz not null,
  unique(person_id, name)
);
create table oncall_rules(
  person_id uuid not null references people(id),
  important boolean not null,
  steps jsonb not null,          -- [{"contact": name, "after_minutes": n}], in order
  primary key(person_id, important)
);
grant select, insert, update, delete on oncall_contacts, oncall_rules to opsspine_system;

-- alerts of an Alertmanager: what was heard, once for each fingerprint, start and status
create table alerts(
  tenant_id text not null,
  fingerprint text not null,
  starts_at timestamptz not null,
  status text not null check (status in ('firing', 'resolved')),
  incident_id uuid references incidents(id),
  received_at timestamptz not null,
  labels jsonb not null,
  primary key(tenant_id, fingerprint, starts_at, status)
);
create index alerts_incident on alerts(incident_id) where incident_id is not null;
select tenant_table('alerts', 'select');
