-- Notifications are rows written with the state change and delivered after commit.
create table outbox(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid,
  channel text not null,         -- slack | email | webhook | log
  topic text not null,           -- incident.opened, approval.requested, ...
  severity smallint not null default 0,
  payload jsonb not null,
  dedupe text not null,
  status text not null default 'pending' check (status in ('pending', 'sent', 'failed', 'folded')),
  created_at timestamptz not null,
  next_attempt_at timestamptz not null,
  locked_until timestamptz,
  attempts int not null default 0,
  sent_at timestamptz,
  receipt jsonb,
  error text,
  unique(tenant_id, channel, dedupe)
);
create index outbox_due on outbox(severity desc, next_attempt_at) where status = 'pending';
select tenant_table('outbox', 'select');
create function outbox_notify() returns trigger language plpgsql as $$
begin perform pg_notify('outbox', ''); return null; end $$;
create trigger outbox_written after insert on outbox for each statement execute function outbox_notify();

-- last sign of life of each resident part
create table heartbeats(component text primary key, at timestamptz not null, detail jsonb not null default '{}');
grant select, insert, update on heartbeats to opsspine_system;
grant select on heartbeats to opsspine_app;
