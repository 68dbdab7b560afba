-- Notifications are rows written with the state change and delivered after commit.
create table outbox(
  id uuid primary key,           -- also the id by which a receiver tells a duplicate
  tenant_id text not null,
  incident_id uuid,
  channel text not null,         -- slack | email | webhook | log | pagerduty | apprise | alertmanager
  target text not null default '', -- where in the channel; '' = where it goes by its settings; never a secret
  topic text not null,           -- incident.opened, approval.requested, ... (spine/notification.py)
  severity smallint not null default 0,
  foldable boolean not null,     -- may become a line of a digest in a storm
  payload jsonb not null,
  dedupe text not null,
  status text not null default 'pending' check (status in ('pending', 'sent', 'failed', 'folded')),
  folded_into uuid references outbox(id),
  created_at timestamptz not null,
  next_attempt_at timestamptz not null,
  locked_until timestamptz,      -- a relay is delivering it; past = that relay died
  locked_by uuid,                -- that relay, by its sign of life (store/liveness.py); null = it gives none
  attempts int not null default 0,     -- deliveries begun
  deferrals int not null default 0,    -- of those, how many failed for the channel's sake, not the message's
  sent_at timestamptz,
  receipt jsonb,                 -- what the other side answered: {"channel", "ts"}, a status, a message id
  error text,
  unique(tenant_id, channel, target, dedupe),
  check ((status = 'folded') = (folded_into is not null))
);
create index outbox_due on outbox(channel, severity desc, next_attempt_at) where status = 'pending';
create index outbox_failed on outbox(created_at) where status = 'failed';
create index outbox_recent on outbox(channel, created_at);
create index outbox_incident on outbox(incident_id, channel, target);
create index outbox_folded on outbox(folded_into) where folded_into is not null;
select tenant_table('outbox', 'select');
-- a channel that is down, or asked for patience: nothing of it is tried before `held_until`
create table outbox_channels(
  channel text primary key,      -- a channel, or channel:target where each target is a machine of its own
  held_until timestamptz not null,
  failures int not null,         -- in a row
  error text not null
);
grant select, insert, update, delete on outbox_channels to opsspine_system;

create function outbox_notify() returns trigger language plpgsql as $$
begin perform pg_notify('outbox', ''); return null; end $$;
create trigger outbox_written after insert on outbox for each statement execute function outbox_notify();

-- last sign of life of each resident part
create table heartbeats(component text primary key, at timestamptz not null, detail jsonb not null default '{}');
grant select, insert, update on heartbeats to opsspine_system;
grant select on heartbeats to opsspine_app;

-- who hears of what, in a tenant that has rules of its own (spine/routing.py); the installation's are settings
create table notify_routes(
  tenant_id text primary key,
  rules jsonb not null,          -- [spine.route.Rule]
  version int not null check (version > 0),
  updated_at timestamptz not null,
  updated_by text not null
);
select tenant_table('notify_routes', 'select');
