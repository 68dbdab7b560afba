-- Feature flags: a base definition that people edit (versioned), and holds that leases put on top.
-- A hold never edits the base, so when it ends the flag is at its exact prior version.
create table flags(
  tenant_id text not null,
  key text not null check (key ~ '^[a-z0-9][a-zA-Z0-9._-]{0,127}$'),
  version int not null check (version > 0),
  definition jsonb not null,     -- flagd flag: state, variants, defaultVariant, targeting, metadata
  purpose text not null default '',
  owner text not null default '',
  temporary boolean not null default false,  -- it is to be removed from the code one day
  updated_at timestamptz not null default now(),
  primary key(tenant_id, key)
);
select tenant_table('flags', 'select, insert, update');
create table flag_history(
  tenant_id text not null,
  key text not null,
  version int not null,
  definition jsonb not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  primary key(tenant_id, key, version)
);
select tenant_table('flag_history', 'select, insert');
create table flag_holds(
  lease_id uuid primary key references leases(id),
  tenant_id text not null,
  key text not null,
  variant text not null,         -- the variant the flag takes while held
  condition jsonb,               -- JsonLogic: for whom; null = for everybody of the tenant
  metadata jsonb not null default '{}',
  created_at timestamptz not null,
  expires_at timestamptz not null,
  easing jsonb not null default '[]',        -- [seconds before the end, percent let go], in order of time
  released_at timestamptz,
  shadow boolean not null default false,     -- a drill's: nobody's evaluation sees it
  everybody boolean not null default false   -- of an incident of many tenants: it holds the flag of all of them
);
create index flag_holds_live on flag_holds(tenant_id, key) where released_at is null;
create index flag_holds_everybody on flag_holds(key) where everybody and released_at is null;
select tenant_table('flag_holds', 'select');
create policy everybody on flag_holds for select to opsspine_app using (everybody);
-- rises with every change of a tenant's flags or holds: the cheap question "has anything changed?"
create table flag_epochs(tenant_id text primary key, epoch bigint not null);
select tenant_table('flag_epochs', 'select, insert, update');
create function flag_epochs_notify() returns trigger language plpgsql as $$
begin perform pg_notify('flag_epochs', new.tenant_id); return null; end $$;
create trigger flag_epochs_risen after insert or update on flag_epochs for each row execute function flag_epochs_notify();

-- changes of a base that wait: for a yes, or for their time. A planned one counts at its time, written down or not.
create table flag_changes(
  id uuid primary key,
  tenant_id text not null,
  key text not null,
  definition jsonb not null,
  base_version int not null,     -- the version of the base it was made for
  starts_at timestamptz,         -- null = when it is applied
  ttl_seconds float8 check (ttl_seconds > 0),  -- null = for good; else what was in force before comes back
  returns boolean not null default false,      -- the end of another change
  purpose text,
  owner text,
  temporary boolean,
  proposed_by text not null,
  person_id uuid references people(id),
  reason text not null,
  risk text not null,
  gate text not null check (gate in ('allow', 'step-up', 'approve', 'two-person')),
  sha256 text not null,          -- of what an approver signs
  state text not null check (state in ('draft', 'planned', 'applied', 'withdrawn', 'overtaken')),
  proposed_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  applied_by text,
  version int,                   -- the version it became
  check (state <> 'planned' or starts_at is not null),
  check ((state = 'applied') = (version is not null))
);
create index flag_changes_planned on flag_changes(tenant_id, key, starts_at) where state = 'planned';
create index flag_changes_recent on flag_changes(tenant_id, proposed_at desc);
select tenant_table('flag_changes', 'select, insert, update');
alter table approvals add foreign key (change_id) references flag_changes(id);
