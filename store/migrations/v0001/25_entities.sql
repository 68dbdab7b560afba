-- What is known of single users, and the few recent crossings of tenants. Fed like the rollups: one statement trigger
-- appends, one folder adds up. Only the types concerned are copied. Drill rows leave nothing here but crossings, which
-- carry their drill.

-- appended by the trigger, deleted by the fold: where users were seen. Sessions and logins by user and country (many
-- applications tell one of the two, and both at once fall together), administrators' logins one by one
create table auth_sighting_delta(
  tenant_id text not null,
  user_id text not null,
  admin boolean not null,
  country text,
  ip inet,
  agent bigint,                  -- hash of the user agent (agent_hash)
  spot text,                     -- "latitude longitude" in degrees, where the sender or a GeoIP file knows them
  first_at timestamptz not null,
  last_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
select tenant_table('auth_sighting_delta', 'select');

-- the countries in which a user logged in or a session began, the last place being the one with the latest last_at. Written by the
-- fold, read by the tick: a row that began within the hour is a new country. Retention: entity_days since last_at.
create table auth_user_country(
  tenant_id text not null,
  user_id text not null,
  country text not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  first_ip inet,                 -- of the login that made the country known
  first_agent bigint,
  last_agent bigint,             -- the device seen there last
  first_spot text,               -- as above, of the first and the last sighting
  last_spot text,
  primary key(tenant_id, user_id, country)
) with (fillfactor = 80);
create index auth_user_country_new on auth_user_country(first_at);
select tenant_table('auth_user_country', 'select');

-- how an administrator logs in: how often from each country, address and device, and in each hour of the day (UTC).
-- Written by the fold, read by the tick for those who logged in within the hour. Retention as above.
create table auth_admin_habit(
  tenant_id text not null,
  user_id text not null,
  what text not null check (what in ('country', 'address', 'agent', 'hour')),
  value text not null,
  n bigint not null,
  last_at timestamptz not null,
  primary key(tenant_id, user_id, what, value)
) with (fillfactor = 80);
select tenant_table('auth_admin_habit', 'select');

-- accesses across tenants and failed isolation probes of the last 6 h. Written by the trigger, pruned by the fold, read
-- by the tick.
create table auth_crossing(
  tenant_id text not null,
  at timestamptz not null,
  id text collate "C" not null,
  probe boolean not null,        -- an isolation probe that got through, else an access
  user_id text,
  resource_tenant_id text,
  ip inet,
  allowed boolean not null,      -- the access was let through and no grant covers it
  synthetic boolean not null,
  drill_id text,
  primary key(tenant_id, at, id)
);
create index auth_crossing_at on auth_crossing(at);
select tenant_table('auth_crossing', 'select');

-- devices are told apart, not described
create function agent_hash(agent text) returns bigint language sql immutable parallel safe as $$
  select hashtextextended(agent, 0)
$$;

-- the coordinates an event tells; null = it tells none, or nonsense
create function spot_of(attributes jsonb) returns text language sql immutable parallel safe as $$
  select case when jsonb_typeof(attributes->'latitude') = 'number' and jsonb_typeof(attributes->'longitude') = 'number'
      and (attributes->>'latitude')::numeric between -90 and 90
      and (attributes->>'longitude')::numeric between -180 and 180
    then (attributes->>'latitude') || ' ' || (attributes->>'longitude') end
$$;

create function auth_entities_inserted() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  insert into auth_sighting_delta(tenant_id, user_id, admin, country, ip, agent, spot, first_at, last_at)
  select tenant_id, user_id, type = 'admin_login', country, min(ip), min(agent_hash(user_agent)),
    min(case when attributes ? 'latitude' then spot_of(attributes) end), min(occurred_at), max(occurred_at)
  from fresh
  where type in ('session_created', 'login_succeeded', 'admin_login') and user_id is not null and not synthetic
  group by tenant_id, user_id, type = 'admin_login', country, case when type = 'admin_login' then (occurred_at, id) end;
  insert into auth_crossing(tenant_id, at, id, probe, user_id, resource_tenant_id, ip, allowed, synthetic, drill_id)
  select tenant_id, occurred_at, id, type = 'tenant_probe_failed', user_id, resource_tenant_id, ip,
    attributes @> '{"allowed": true}', synthetic, drill_id
  from fresh
  where type in ('tenant_scope_violation', 'tenant_probe_failed')
    and not attributes @> '{"granted": true}' and not attributes ? 'grant_id'
  on conflict do nothing;
  return null;
end $$;
revoke execute on function auth_entities_inserted from public;
create trigger note_entities after insert on auth_ops_logs referencing new table as fresh
  for each statement execute function auth_entities_inserted();
