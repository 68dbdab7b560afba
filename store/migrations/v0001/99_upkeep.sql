-- What was done to keep the installation safe, and what came of it: the launch checklist and people read the latest.
create table upkeep_receipts(
  id uuid primary key,
  what text not null check (what in ('backup', 'restore', 'restore-check', 'erasure')),
  at timestamptz not null,
  ok boolean not null,
  actor text not null,
  detail jsonb not null          -- counts, digests, durations; no personal data
);
create index upkeep_receipts_latest on upkeep_receipts(what, at desc);
grant select, insert, update, delete on upkeep_receipts to opsspine_system;
