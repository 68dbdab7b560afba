-- Drills that were, or are, played. Evidence marked as one's is accepted while it runs, and never after.
create table drills(
  id text primary key,           -- of its flow run; the drill_id of its events and its incident
  tenant_id text not null,
  kind text not null,            -- spine.incident.IncidentKind
  name text not null,            -- among the kind's drills (runbooks/drills)
  negative boolean not null,     -- nothing may open
  seed bigint not null,
  unattended boolean not null,   -- it decides by itself and asks nobody
  who text not null,             -- "cli:<account>" or "prefect"
  started_at timestamptz not null,
  gives_up_at timestamptz not null,  -- whatever still runs then has failed
  incident_id uuid references incidents(id),
  finished_at timestamptz,
  passed boolean,
  score float8 check (score between 0 and 1),
  assertions jsonb not null default '[]',  -- [{"name", "passed", "expected", "observed"}]
  check ((finished_at is null) = (passed is null))
);
create index drills_kind on drills(kind, finished_at desc);
create index drills_running on drills(tenant_id) where finished_at is null;
select tenant_table('drills', 'select');
-- since when there is somebody who could have played one: until then nothing is overdue
create table installation(at timestamptz not null default now());
insert into installation default values;
grant select on installation to opsspine_system;
