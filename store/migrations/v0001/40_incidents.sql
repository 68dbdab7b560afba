-- Written by detection and the runbook engine; read by everything people see.
create table incidents(
  id uuid primary key,
  tenant_id text not null,
  kind text not null,
  subject text not null,
  status text not null,
  severity smallint not null check (severity between 0 and 3),
  title text not null,
  first_event_at timestamptz not null,
  opened_at timestamptz not null,
  last_finding_at timestamptz not null,
  acknowledged_at timestamptz,
  mitigated_at timestamptz,
  resolved_at timestamptz,
  verify_after timestamptz,
  reopens uuid,
  suppressed_by uuid,
  flow_run_id uuid,
  fence bigint not null default 0,
  synthetic boolean not null default false,
  drill_id text,
  summary jsonb not null default '{}'
);
-- one live incident per cause: the last line of defence against duplicates
create unique index incidents_live on incidents(tenant_id, kind, subject, coalesce(drill_id, '')) where status <> 'resolved';
create index incidents_recent on incidents(tenant_id, opened_at desc);
create index incidents_ended on incidents(tenant_id, kind, subject, resolved_at desc) where status = 'resolved';
create index incidents_just_resolved on incidents(resolved_at) where status = 'resolved';
select tenant_table('incidents', 'select');

create table evidence(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  source text not null,          -- "detector:<name>", "probe:<name>", ...
  query text not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  n bigint not null,
  observed jsonb not null,
  threshold jsonb not null,
  body jsonb not null,
  sha256 text not null,          -- of the canonical JSON (RFC 8785) of everything above but the id
  created_at timestamptz not null default now()
);
create index evidence_incident on evidence(incident_id);
select tenant_table('evidence', 'select');

create table incident_timeline(
  id bigint generated always as identity primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  at timestamptz not null,
  kind text not null,
  actor text not null,
  summary text not null,
  detail jsonb not null default '{}'
);
create index incident_timeline_incident on incident_timeline(incident_id, id);
select tenant_table('incident_timeline', 'select');

create table suppressions(
  id uuid primary key,
  tenant_id text not null,
  reason text not null check (reason in ('deploy', 'load_test', 'maintenance')),
  kind text,                     -- incident kind, null = all
  owner text not null,
  note text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > starts_at and ends_at <= starts_at + interval '4 hours'),
  cancelled_at timestamptz,
  ended_noted_at timestamptz     -- set once reconcile has restored what the window held back
);
create index suppressions_live on suppressions(tenant_id, ends_at);
select tenant_table('suppressions', 'select, insert, update');

create table decisions(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid not null references incidents(id),
  seq int not null,
  plan_hash text not null,
  verb text not null,
  body jsonb not null,           -- spine.plan.Decision, frozen
  created_at timestamptz not null,
  expires_at timestamptz not null,
  superseded_at timestamptz,
  unique(incident_id, seq)
);
select tenant_table('decisions', 'select');
