-- Who is signed in. A session belongs to a person and acts in one tenant at a time; its token is kept as its hash.
-- Everything here is reached by the system role only: who somebody is, is established before a tenant is known.
create table sessions(
  id uuid primary key,
  person_id uuid not null references people(id),
  sha256 bytea not null unique,
  tenant_id text not null,       -- where the session acts now
  method text not null,          -- what was shown at sign-in: spine.session.Method
  csrf text not null,            -- what its forms carry; worth nothing without the cookie
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,  -- however busy it is
  stepped_up_at timestamptz,     -- when a second factor was last shown
  ended_at timestamptz
);
create index sessions_person on sessions(person_id) where ended_at is null;
create index sessions_old on sessions(expires_at);

create table passkeys(
  id bytea primary key,          -- the credential's id
  person_id uuid not null references people(id),
  name text not null,            -- what its owner calls it
  public_key bytea not null,
  sign_count bigint not null,    -- grows with each use, where the authenticator counts: a copy is noticed by it
  synced boolean not null,       -- it lives on more than one device
  created_at timestamptz not null,
  last_used_at timestamptz
);
create index passkeys_person on passkeys(person_id);
create table recovery_codes(
  person_id uuid not null references people(id),
  number smallint not null,      -- written in front of the code, so that one hash is compared, not ten
  argon2 text not null,
  used_at timestamptz,
  primary key(person_id, number)
);
-- what a browser has begun and must finish soon, once: a passkey's challenge, the way to an identity provider
create table ceremonies(
  sha256 bytea primary key,      -- of the value in the browser's cookie
  kind text not null,
  person_id uuid references people(id),
  content bytea not null,        -- JSON, sealed where it bears a secret
  expires_at timestamptz not null
);
create index ceremonies_old on ceremonies(expires_at);
-- links that are good once. Signed with a key that is not in the database: who can write here can make none.
create table signed_links(
  id uuid primary key,
  purpose text not null check (purpose in ('sign-in', 'account')),
  subject jsonb not null,        -- {"person", "enrols"} or {"provider", "team", "account"}
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index signed_links_old on signed_links(expires_at);
-- When each bucket will be full again (GCRA). Losing it in a crash forgives a little, so it costs no disk.
create unlogged table rate_limits(
  bucket bytea primary key,      -- SHA-256: addresses and e-mails are not kept
  full_at timestamptz not null
);
create index rate_limits_old on rate_limits(full_at);
grant select, insert, update, delete on sessions, passkeys, recovery_codes, ceremonies, signed_links, rate_limits
  to opsspine_system;
