-- Plug-ins that raised, hung, or said no: how often, and what they said last. Read by people and by health.
create table hook_faults(
  plugin text not null,
  hook text not null,            -- the point, or "load"
  kind text not null,            -- raised | hung | missing | nonsense
  times bigint not null,
  last_at timestamptz not null,
  last_error text not null,
  primary key(plugin, hook, kind)
);
grant select, insert, update on hook_faults to opsspine_system;
