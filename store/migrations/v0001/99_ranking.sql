-- Ranking and triage: what incidents were when they opened, what people say they were, the models, and their scores.
-- Nothing here decides anything: lists are ordered by it, and a probability is shown.

-- An incident's summary grows while it lives. A model judges, and learns from, what was known when it opened.
-- Counts only: no address, no user.
create table incident_openings(
  incident_id uuid primary key references incidents(id) on delete cascade,
  tenant_id text not null,
  opened_at timestamptz not null,
  snapshot jsonb not null        -- ml/feature.py reads it
);
select tenant_table('incident_openings', 'select');
create function incident_opening() returns trigger language plpgsql as $$
begin
  insert into incident_openings(incident_id, tenant_id, opened_at, snapshot)
  values (
    new.id, new.tenant_id, new.opened_at,
    jsonb_build_object(
      'kind', new.kind, 'scope', split_part(split_part(new.subject, ':', 1), '/', 1), 'severity', new.severity,
      'recurs', new.reopens is not null, 'suppressed', new.suppressed_by is not null,
      'lead_minutes', extract(epoch from new.opened_at - new.first_event_at) / 60,
      'class', new.summary -> 'class', 'detectors', new.summary -> 'detectors',
      'addresses', new.summary -> 'addresses_total', 'users', new.summary -> 'users_total',
      'compromised', new.summary -> 'compromised_total', 'tenants', new.summary -> 'tenants_total'
    )
  ) on conflict do nothing;
  return null;
end $$;
create trigger incident_opening after insert on incidents for each row execute function incident_opening();

-- What people say an incident was, the latest word of each; models learn from it. The audit trail keeps all words.
create table incident_outcomes(
  incident_id uuid primary key references incidents(id) on delete cascade,
  tenant_id text not null,
  outcome text not null check (outcome in ('real', 'false_alarm', 'benign')),
  cause text not null default '',   -- spine.outcome.CAUSES; '' = not said
  said_by text not null,
  said_at timestamptz not null
);
select tenant_table('incident_outcomes', 'select');

-- Of the installation, not of a tenant: made from every tenant's counts.
create table models(
  id uuid primary key,
  number int generated always as identity unique,
  status text not null check (status in ('challenger', 'champion', 'retired', 'withdrawn')),
  made_at timestamptz not null,
  promoted_at timestamptz,
  promoted_by text,
  body bytea not null,           -- skops; only types of ml/bundle.py are read
  sha256 text not null,
  mac text not null,             -- HMAC-SHA256 by the installation's key over id and sha256
  card jsonb not null,
  warned_at timestamptz          -- when it was found not to be trusted, once
);
create unique index models_champion on models((true)) where status = 'champion';
grant select, insert, update, delete on models to opsspine_system;

-- Examples from simulated worlds, to learn from beside, or before, what people labelled: lines of
-- `python -m benchmarks.ranking samples`, as they were given to `opsspine ml train --samples`.
create table model_samples(
  id bigint generated always as identity primary key,
  world text not null,
  line jsonb not null
);
create index model_samples_world on model_samples(world);
grant select, insert, update, delete on model_samples to opsspine_system;

-- What the champion says of an incident. A comparison with NaN is false here, or "greater than anything": it never fits.
create table incident_scores(
  incident_id uuid primary key references incidents(id) on delete cascade,
  tenant_id text not null,
  model_number int not null,
  rank double precision not null check (rank >= 0 and rank <= 1),
  probability double precision not null check (probability >= 0 and probability <= 1),
  cause text not null default '',
  cause_probability double precision not null default 0 check (cause_probability >= 0 and cause_probability <= 1),
  severity smallint not null check (severity between 0 and 3),
  reasons jsonb not null default '[]',   -- [{"feature", "value", "effect"}], strongest first
  scored_at timestamptz not null
);
select tenant_table('incident_scores', 'select');
