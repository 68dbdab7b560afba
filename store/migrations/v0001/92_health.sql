-- How each part of the spine is: the latest look, and for how long it has been so (spine/health.py).
create table health_checks(
  key text primary key,
  status text not null check (status in ('pass', 'warn', 'fail')),
  said text not null,
  observed float8,
  unit text not null,
  means text not null,           -- what it costs
  remedy text not null,            -- what a person does about it
  severity smallint not null check (severity between 0 and 3),  -- of an incident this part is the cause of
  since timestamptz not null,    -- from when on it has had this status
  at timestamptz not null,       -- of the latest look
  in_row int not null check (in_row > 0),  -- looks with this status, one after the other
  took_seconds float8 not null
);
grant select, insert, update, delete on health_checks to opsspine_system;
