-- People are not rows of one tenant: their roles are. '*' = every tenant.
create table people(
  id uuid primary key,
  email text not null unique check (email = lower(email)),
  name text not null,
  totp_secret bytea,             -- encrypted (store/secrets.py), never in clear
  totp_last_step bigint not null default -1,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  drill boolean not null default false  -- decides on drills alone, and is nobody
);
create table person_roles(
  person_id uuid not null references people(id),
  tenant_id text not null,
  role text not null,
  primary key(person_id, tenant_id, role)
);
create table person_accounts(
  provider text not null,        -- 'slack'
  team_id text not null,
  account_id text not null,
  person_id uuid not null references people(id),
  primary key(provider, team_id, account_id)
);
-- attempts at a second factor, for the rate limit (scenario 16)
create table stepup_attempts(
  id bigint generated always as identity primary key,
  person_id uuid not null references people(id),
  at timestamptz not null,
  ok boolean not null
);
create index stepup_attempts_recent on stepup_attempts(person_id, at);
create table api_keys(
  id uuid primary key,
  tenant_id text not null,
  name text not null,
  sha256 bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  made_by uuid references people(id)  -- whose wishes the key's are; null = an operator made it
);
-- reached by the system role only: who somebody is, is established before a tenant is known
grant select, insert, update, delete on people, person_roles, person_accounts, stepup_attempts, api_keys to opsspine_system;

create table approvals(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid references incidents(id),
  decision_id uuid references decisions(id),
  change_id uuid unique,         -- of a flag (70_flags.sql); then there is no incident
  gate text not null check (gate in ('step-up', 'approve', 'two-person')),
  steps int[] not null,          -- orders of the steps it covers
  plan_hash text not null,
  risk text not null,            -- the highest of those steps
  synthetic boolean not null default false,  -- of a drill
  containment boolean not null,  -- the plan contains an ongoing leak: break-glass may reach critical steps
  requester text not null,       -- who wants it done: "engine" or "person:<email>"
  requested_by uuid references people(id),
  barred uuid[] not null default '{}',  -- people the incident is about: they may not say yes
  status text not null default 'pending' check (status in ('pending', 'approved', 'denied', 'expired', 'void')),
  votes_needed smallint not null,
  requested_at timestamptz not null,
  expires_at timestamptz not null,
  decided_at timestamptz,
  decided_by uuid references people(id),
  via text,
  reason text,
  ratify_by timestamptz,         -- break-glass was used: without another person's word by then it is taken back
  ratified_by uuid references people(id),
  ratified_at timestamptz,
  flow_run_id uuid,              -- the suspended run
  resumed_at timestamptz,        -- when that run was woken for the decision
  prompt jsonb,                  -- where the prompt was posted: {"channel", "ts"}
  check (case when change_id is null then num_nulls(incident_id, decision_id) = 0
         else num_nonnulls(incident_id, decision_id) = 0 end)
);
create index approvals_pending on approvals(tenant_id, expires_at) where status = 'pending';
create index approvals_incident on approvals(incident_id);
select tenant_table('approvals', 'select');

create table approval_votes(
  approval_id uuid not null references approvals(id),
  tenant_id text not null,
  person_id uuid not null references people(id),
  vote text not null check (vote in ('approve', 'deny')),
  via text not null,
  account text not null,         -- the account it came from, as the edge saw it
  stepped_up boolean not null,
  reason text not null,
  at timestamptz not null,
  primary key(approval_id, person_id)
);
select tenant_table('approval_votes', 'select');

-- how often somebody was refused an approval, and why: the audit trail names the first few and then 10, 20, 40 …
create table approval_refusals(
  approval_id uuid not null references approvals(id),
  tenant_id text not null,
  actor text not null,
  code text not null,            -- spine.approval.Code
  times bigint not null,
  primary key(approval_id, actor, code)
);
select tenant_table('approval_refusals', 'select');
