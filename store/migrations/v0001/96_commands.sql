-- What people and programs told the spine to do by hand: written before anything is done, carried out by a run
-- (flows/obey.py), picked up by reconcile when the run was lost.
create table commands(
  id uuid primary key,
  tenant_id text not null,
  kind text not null check (kind in ('act', 'revert', 'resolve')),
  incident_id uuid not null references incidents(id),
  lease_id uuid references leases(id),   -- what is to be reverted
  actor text not null,           -- "person:<email>" or "key:<name>"
  person_id uuid references people(id),
  maker_id uuid references people(id),   -- who made the key that tells it: no other person
  role text not null,            -- the role by which policy judges it (spine.person.Role)
  reason text not null,
  actions jsonb not null default '[]',   -- [{"action", "params", "targets", "ttl_seconds"}], in order
  request text,                  -- the id of the request that brought it
  commanded_at timestamptz not null,
  attempts int not null default 0,
  state text not null default 'waiting' check (state in ('waiting', 'done', 'refused')),
  outcome jsonb not null default '{}',
  finished_at timestamptz,
  check ((state = 'waiting') = (finished_at is null)),
  check ((kind = 'revert') = (lease_id is not null))
);
create index commands_waiting on commands(commanded_at) where state = 'waiting';
create index commands_incident on commands(incident_id);
select tenant_table('commands', 'select, insert');

-- lists are read newest first, page by page
create index approvals_recent on approvals(tenant_id, requested_at desc, id desc);
create index leases_recent on leases(tenant_id, created_at desc, id desc);
create index suppressions_recent on suppressions(tenant_id, starts_at desc, id desc);

-- A tenant sees its own keys, never their digests, and the people who hold a role in it.
select tenant_table('api_keys',
  'insert, update (revoked_at), select (id, tenant_id, name, scopes, created_at, last_used_at, revoked_at)');
create index api_keys_recent on api_keys(tenant_id, created_at desc, id desc);

alter table person_roles enable row level security;
alter table person_roles force row level security;
create policy one_tenant on person_roles to opsspine_app
  using (tenant_id in ((select current_setting('app.tenant_id', true)), '*'));
create policy all_tenants on person_roles to opsspine_system using (true);
grant select on person_roles to opsspine_app;

alter table people enable row level security;
alter table people force row level security;
create policy one_tenant on people to opsspine_app
  using (exists (select from person_roles r where r.person_id = people.id));
create policy all_tenants on people to opsspine_system using (true);
grant select (id, email, name, created_at, disabled_at, drill) on people to opsspine_app;
