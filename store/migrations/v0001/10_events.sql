-- Events: what applications tell us. Written by ingest and by applications directly (INSERT), read by the
-- tick (last hour only), blast radius, verification and people.
create table auth_ops_logs(
  id text collate "C" not null,  -- the sender's id; unique per tenant and time, time-ordered ids ingest fastest
  type text not null,            -- spine.event.EventType
  occurred_at timestamptz not null default now(),
  tenant_id text not null default coalesce(nullif(current_setting('app.tenant_id', true), ''), '_'),
  user_id text,
  provider text,                 -- OAuth and mail types: which one
  ip inet,
  country text,                  -- ISO 3166, where the application knows it
  user_agent text,
  session_id text,
  resource_tenant_id text,       -- tenant_scope_violation: whose data was touched
  attributes jsonb not null default '{}',  -- everything else, redacted
  synthetic boolean not null default false,  -- a drill's event: in no rollup and no baseline
  drill_id text,
  ingested_at timestamptz not null default now(),
  primary key(tenant_id, occurred_at, id)
) partition by range (occurred_at);
-- cross-tenant time ranges; 170 kB per 10 M rows
create index auth_ops_logs_time on auth_ops_logs using brin(occurred_at) with (pages_per_range = 32, autosummarize = on);
select tenant_table('auth_ops_logs', 'select, insert');

-- one partition per UTC day. Made beside the table and then attached, for attaching does not block writers.
-- Rows of a day that has no partition are refused loudly by PostgreSQL ("no partition of relation ... found").
create function make_event_partition(day date) returns boolean language plpgsql as $$
declare
  name text := format('auth_ops_logs_%s', to_char(day, 'YYYYMMDD'));
begin
  if to_regclass(name) is not null then return false; end if;
  perform pg_advisory_xact_lock(hashtext('make_event_partition'));
  -- not to_regclass: its answer may be a remembered "no" from before the lock was waited for
  if exists (select from pg_class where relname = name and relnamespace = current_schema()::regnamespace) then return false; end if;
  execute format('create table %I (like auth_ops_logs including defaults including constraints including indexes)', name);
  execute format('alter table auth_ops_logs attach partition %I for values from (%L) to (%L)',
    name, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
  return true;
end $$;
revoke execute on function make_event_partition from public;
select make_event_partition((now() at time zone 'UTC')::date + d) from generate_series(-1, 3) d;

-- an application may give NULL as its tenant: that is the tenant of its session, else the single tenant `_`
create function auth_ops_logs_default_tenant() returns trigger language plpgsql as $$
begin
  new.tenant_id := coalesce(nullif(current_setting('app.tenant_id', true), ''), '_');
  return new;
end $$;
create trigger default_tenant before insert on auth_ops_logs for each row
  when (new.tenant_id is null) execute function auth_ops_logs_default_tenant();

-- rows that were refused at ingest, by reason. Read by metrics and people.
create table auth_ingest_rejects(
  tenant_id text not null,
  hour timestamptz not null,     -- when they arrived
  reason text not null,          -- spine.event.Reason
  n bigint not null,
  primary key(tenant_id, hour, reason)
);
select tenant_table('auth_ingest_rejects', 'select, insert, update');
