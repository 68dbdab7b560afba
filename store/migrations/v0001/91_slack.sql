-- Messages in Slack that are edited: the first one of an incident's thread, and every question.
create table slack_posts(
  id uuid primary key,
  tenant_id text not null,
  incident_id uuid,              -- null = of a question that belongs to no incident
  approval_id uuid,              -- the question it asks, if it asks one
  target text not null,          -- as in outbox: where rules sent it; '' = the usual channel
  channel text not null,
  ts text not null,
  root boolean not null,         -- the thread hangs under it, and it is kept current
  outbox_id uuid not null references outbox(id) on delete cascade,  -- what posted it
  lines int not null,            -- of the incident's story when it was last edited; -1 = not known: edit it again
  turn bigint not null default 0,-- rises when an edit begins and when it ends: who finds another number has raced
  settled boolean not null,      -- the incident was over by then
  edited_at timestamptz not null
);
create unique index slack_posts_root on slack_posts(incident_id, target) where root;
create index slack_posts_open on slack_posts(edited_at) where root;
select tenant_table('slack_posts', 'select');

-- whatever is added to an incident's story is shown at once where people look
create trigger timeline_told after insert on incident_timeline for each statement execute function outbox_notify();

-- App Homes that somebody has looked at: they are kept current
create table slack_homes(
  team_id text not null,
  user_id text not null,
  opened_at timestamptz not null,
  shown text,                    -- SHA-256 of what was last published; null = publish
  view_hash text,                -- Slack's word for that version: an older one never covers a newer one
  primary key(team_id, user_id)
);
grant select, insert, update, delete on slack_homes to opsspine_system;
