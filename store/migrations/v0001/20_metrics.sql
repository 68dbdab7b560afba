-- Rollups. One mechanism feeds them all: a statement trigger that sees exactly the rows really inserted,
-- whoever inserted them, and appends deltas. One folder at a time (store/fold.py) turns deltas into cells.
-- Writers never touch a cell, so they never wait for each other. Drill rows (synthetic) leave no delta.

-- appended by the trigger, deleted by the fold
create table auth_metric_delta(
  bucket timestamptz not null,   -- minute
  tenant_id text not null,
  type text not null,
  n int not null,
  first_at timestamptz not null,
  last_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
select tenant_table('auth_metric_delta', 'select');

-- appended by the trigger, deleted by the fold: one row per address and moment of failure, one per
-- statement and address for successes
create table auth_login_delta(
  tenant_id text not null,
  ip inet not null,
  first_at timestamptz not null,
  failed boolean not null,
  n int not null,
  users bigint not null          -- a bit for each user: the sum of users_tried and users_entered
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
create index auth_login_delta_failed on auth_login_delta(tenant_id, ip) where failed;  -- read by the overflow hint
select tenant_table('auth_login_delta', 'select');

-- counts per minute, 48 h. Read by the tick and by metrics.
create table auth_metric_minutes(
  bucket timestamptz not null,
  tenant_id text not null,
  type text not null,
  n int not null,
  primary key(bucket, tenant_id, type)
) with (fillfactor = 70);
select tenant_table('auth_metric_minutes', 'select');

-- counts per hour, 400 days. Read by the tick (24 h) and the profile (28 days).
create table auth_metric_hours(
  bucket timestamptz not null,
  tenant_id text not null,
  type text not null,
  n int not null,
  primary key(bucket, tenant_id, type)
) with (fillfactor = 70);
select tenant_table('auth_metric_hours', 'select');

-- seasonal baseline: for an hour to come (or just begun) the median count of the same hour of the week over
-- 28 days. Written by store/profile.py each hour, read by the tick.
create table auth_metric_profile(
  hour timestamptz not null,
  tenant_id text not null,
  type text not null,
  median float8 not null,
  weeks smallint not null,       -- how many weeks of history it rests on
  primary key(hour, tenant_id, type)
);
select tenant_table('auth_metric_profile', 'select');

-- what is usual of resets, verifications, callbacks and tokens at this hour of the day, for the hour that has begun.
-- Written by store/profile.py each hour, read by the tick. Types as in the counts: callbacks of a provider are
-- counted a second time as "<type>@<provider>".
create table auth_fault_profile(
  tenant_id text not null,
  type text not null,
  mean float8 not null,          -- an hour
  variance float8 not null,
  total float8 not null,         -- of all those hours
  primary key(tenant_id, type)
);
select tenant_table('auth_fault_profile', 'select');

-- per tenant: how far its events reach. Written by the fold (active_users: by the profile), read by the tick.
create table auth_tenant(
  tenant_id text primary key,
  first_at timestamptz not null,
  watermark timestamptz not null,
  active_users int not null default 0  -- users with a success in 30 days (HLL)
) with (fillfactor = 70);
select tenant_table('auth_tenant', 'select');

-- per address: its past and its leaky bucket, in event time. Written by the fold, read by the tick.
create table auth_address(
  tenant_id text not null,
  ip inet not null,
  first_seen timestamptz not null,
  first_ok timestamptz,          -- null: no login from it ever succeeded for this tenant
  failures bigint not null,      -- all time
  successes bigint not null,     -- all time
  failures_before_ok bigint not null default 0,  -- failures before the first success
  users_tried bigint not null default 0,    -- who tried since maps_since: each user sets one of 64 bits (user_bit)
  users_entered bigint not null default 0,  -- who got in, the same way
  users_tried_before bigint not null default 0,    -- both in the 30 days or more before that; older ones are forgotten
  users_entered_before bigint not null default 0,
  maps_since timestamptz not null,
  bucket_level float8 not null default 0,
  bucket_at timestamptz,         -- when bucket_level held
  run_n int not null default 0,  -- failures since the bucket was last empty
  run_first timestamptz,         -- the first of them
  overflowed_at timestamptz,     -- when the bucket overflowed; null: not since it last drained
  primary key(tenant_id, ip)
) with (fillfactor = 80);

-- a time as the tick reads it: microseconds since 1970, nothing being the number that numpy takes for no time
create function micros(moment timestamptz) returns bigint language sql stable parallel safe as $$
  select coalesce((extract(epoch from moment) * 1000000)::bigint, '-9223372036854775808'::bigint)
$$;

-- this installation's own number, so that nobody outside knows which bit a user sets
create table auth_user_bits(one boolean primary key default true check (one), seed bigint not null);
insert into auth_user_bits(seed) values (hashtextextended(gen_random_uuid()::text, 0));
grant select on auth_user_bits to opsspine_app, opsspine_system;

-- the bit that a user sets in the maps of addresses
create function user_bit(who text, seed bigint) returns bigint language sql immutable parallel safe as $$
  select 1::bigint << (hashtextextended(who, seed) & 63)::int
$$;

-- do people live at an address? spine/detect/trust.py has the rule: more than a third of the users who tried got in, and
-- they did not guess for long before the first success, unless several live there. 64 bits count to some 170 users: n
-- users leave 64 * exp(-n / 64) of them empty, hence the cube. Where nearly all are taken, many must have got in, and
-- most tries. One expression, so that PostgreSQL sees through the call.
create function address_known(tried bigint, entered bigint, failures bigint, successes bigint, before_ok bigint)
returns boolean language sql immutable parallel safe as $$
  select case when bit_count(~tried::bit(64)) <= 3 then bit_count(~entered::bit(64)) <= 8 and successes > failures
    else bit_count(~entered::bit(64)) ^ 3 < 4096 * bit_count(~tried::bit(64))
      and (before_ok <= 10 or bit_count(~entered::bit(64)) <= 60) end
$$;

-- did this user get in from the address before? Nobody can tell where half of the bits are taken: false there
create function at_home(entered bigint, who_bit bigint) returns boolean language sql immutable parallel safe as $$
  select entered & who_bit <> 0 and bit_count(~entered::bit(64)) >= 32
$$;

create index auth_address_overflowed on auth_address(bucket_at) where overflowed_at is not null;
select tenant_table('auth_address', 'select');

-- the bucket's size, one row. Read by the fold and by the overflow hint; set from the settings by the fold.
create table auth_bucket_setting(
  one boolean primary key default true check (one),
  capacity float8 not null,      -- it overflows above this level
  leak_seconds float8 not null   -- in which one failure leaks away
);
insert into auth_bucket_setting(capacity, leak_seconds) values (4, 120);
grant select on auth_bucket_setting to opsspine_app;
grant select, update on auth_bucket_setting to opsspine_system;

-- failed logins from addresses that had no success before nor within 10 minutes after: one row per tenant and
-- closed hour that has any in 24 h. Written by store/unknown.py, read by it (28 days) and the tick (last one).
create table auth_unknown_hours(
  hour timestamptz not null,
  tenant_id text not null,
  failures int not null,         -- in this hour
  users bytea,                   -- HLL of user ids in this hour; null: none
  addresses bytea,               -- HLL of addresses in this hour
  users_1h int not null,         -- distinct users in the 1, 6 and 24 h that end with this hour
  users_6h int not null,
  users_24h int not null,
  primary key(hour, tenant_id)
);
select tenant_table('auth_unknown_hours', 'select');

-- the same summed up to the last closed hour, so that a tick merges one sketch per tenant instead of 23.
-- Written by store/unknown.py each hour, read by the tick.
create table auth_unknown_recent(
  tenant_id text primary key,
  users_5h bytea not null,       -- HLL of user ids over the last 5 closed hours, and so on
  users_23h bytea not null,
  addresses_23h bytea not null,
  n_users_5h int not null,
  n_users_23h int not null,
  n_addresses_23h int not null,
  failures_23h int not null
);
select tenant_table('auth_unknown_recent', 'select');

-- mean and variance of those measures at this hour of the day (and one hour around it) over 28 days, for the
-- hour that has begun. Written by store/unknown.py, read by the tick.
create table auth_unknown_profile(
  tenant_id text primary key,
  mean_1h float8 not null, var_1h float8 not null,
  mean_6h float8 not null, var_6h float8 not null,
  mean_24h float8 not null, var_24h float8 not null
);
select tenant_table('auth_unknown_profile', 'select');

-- distinct users with a success per day (HLL). Written and read by store/profile.py for active_users.
create table auth_active_days(
  day date not null,
  tenant_id text not null,
  users bytea not null,
  primary key(day, tenant_id)
);
select tenant_table('auth_active_days', 'select');

-- what changed since it was last summarised: 'hour' (failures) and 'day' (successes). Written by the fold,
-- emptied by the profile; late rows thus repair old summaries.
create table auth_stale(
  what text not null check (what in ('hour', 'day')),
  bucket timestamptz not null,
  primary key(what, bucket)
);
grant select, insert, delete on auth_stale to opsspine_system;

-- which hour the profile was last made for
create table auth_profile_state(one boolean primary key default true check (one), made_for timestamptz);
insert into auth_profile_state(made_for) values (null);
grant select, update on auth_profile_state to opsspine_system;

create function auth_events_inserted() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  insert into auth_metric_delta(bucket, tenant_id, type, n, first_at, last_at)
  select date_bin('1 minute', occurred_at, '2000-01-01Z'), tenant_id, type, count(*), min(occurred_at), max(occurred_at)
  from fresh where not synthetic group by 1, 2, 3;
  -- callbacks by provider; what people themselves refused is no fault of anybody
  insert into auth_metric_delta(bucket, tenant_id, type, n, first_at, last_at)
  select date_bin('1 minute', occurred_at, '2000-01-01Z'), tenant_id, type || '@' || left(coalesce(provider, ''), 64),
    count(*), min(occurred_at), max(occurred_at)
  from fresh
  where type in ('oauth_callback_ok', 'oauth_callback_error') and not synthetic
    and coalesce(attributes->>'error_class', '') <> 'user'
    and coalesce(attributes->>'oauth_error', '') not in ('access_denied', 'login_required', 'interaction_required',
      'consent_required', 'account_selection_required')
  group by 1, 2, 3;
  insert into auth_login_delta(tenant_id, ip, first_at, failed, n, users)
  select tenant_id, ip, min(occurred_at), type = 'login_failed', count(*),
    bit_or(user_bit(coalesce(user_id, id), (select seed from auth_user_bits)))
  from fresh
  where type in ('login_failed', 'login_succeeded') and ip is not null and not synthetic
  group by tenant_id, ip, type, case when type = 'login_failed' then occurred_at end;
  -- a hint, at once and without locks: this address probably overflowed; the fold knows for certain
  perform pg_notify('bucket_overflow', tenant_id) from (
    select distinct f.tenant_id
    from (select distinct tenant_id, ip from fresh
          where type = 'login_failed' and ip is not null and not synthetic
            and occurred_at > now() - interval '10 minutes') f
    cross join auth_bucket_setting s
    left join auth_address a on a.tenant_id = f.tenant_id and a.ip = f.ip
    cross join lateral (select greatest(coalesce(
      a.bucket_level - extract(epoch from now() - a.bucket_at) / s.leak_seconds, 0), 0) as level) folded
    where (a.overflowed_at is null or folded.level = 0)
      and folded.level + (select coalesce(sum(d.n), 0) from auth_login_delta d
        where d.failed and d.tenant_id = f.tenant_id and d.ip = f.ip
          and d.first_at > now() - interval '10 minutes') > s.capacity
  ) t;
  return null;
end $$;
revoke execute on function auth_events_inserted from public;
create trigger count_events after insert on auth_ops_logs referencing new table as fresh
  for each statement execute function auth_events_inserted();
