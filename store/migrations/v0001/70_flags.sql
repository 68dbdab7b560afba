-- Feature flags: a base definition that people edit (versioned), and holds that leases put on top.
-- A hold never edits the base, so when it ends the flag is at its exact prior version.
create table flags(
  tenant_id text not null,
  key text not null check (key ~ '^[a-z0-9][a-zA-Z0-9._-]{0,127}$'),
  version int not null check (version > 0),
  definition jsonb not null,     -- flagd flag: state, variants, defaultVariant, targeting, metadata
  purpose text not null default '',
  owner text not null default '',
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
