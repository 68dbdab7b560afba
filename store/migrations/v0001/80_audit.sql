-- The audit trail: one hash chain per tenant, append only. The canonical text of an entry (RFC 8785) comes from
-- spine/audit.py, and so does the commitment to it that the hash covers (spine/commitment.py); here it gets its number
-- and its hash, under the lock of the tenant's head row: gapless, no fork.
create table audit_heads(
  tenant_id text primary key,
  seq bigint not null,
  hash bytea not null check (length(hash) = 32)
);
create table audit_entries(
  tenant_id text not null,
  seq bigint not null check (seq > 0),
  id uuid not null,
  at timestamptz not null,
  action text not null,
  incident_id uuid,
  entry text not null,           -- canonical JSON
  salt bytea,                    -- opens the commitment to it; null = something was erased from it:
  opening jsonb,                 -- then the keys of what is left, and the digests of what was there
  commitment bytea not null check (length(commitment) = 32),  -- what the hash covers
  prev_hash bytea not null,
  hash bytea not null,
  check (num_nulls(salt, opening) = 1),
  primary key(tenant_id, seq),
  unique(tenant_id, id)
);
create index audit_entries_incident on audit_entries(incident_id) where incident_id is not null;
select tenant_table('audit_heads', 'select');
select tenant_table('audit_entries', 'select');
revoke insert, update, delete, truncate on audit_heads, audit_entries from opsspine_app, opsspine_system, public;

create function audit_refuse() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'audit_entries' and current_setting('app.audit_erasing', true) = 'on' then
    return null;  -- audit_erase, below
  end if;
  raise exception 'the audit trail is append only: % on % refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_entries_append_only before update or delete or truncate on audit_entries
  for each statement execute function audit_refuse();
create trigger audit_heads_kept before delete or truncate on audit_heads
  for each statement execute function audit_refuse();

create function audit_head_forward() returns trigger language plpgsql as $$
begin
  if new.tenant_id <> old.tenant_id or new.seq <= old.seq then
    raise exception 'the head of an audit chain only moves forward' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger audit_heads_forward before update on audit_heads for each row execute function audit_head_forward();

-- Appends canonical entries to one tenant's chain and returns how many were new (the same entry told twice is
-- one entry). Runs as the owner, for nobody else may write; a tenant's role may append to its own chain only.
create function audit_append(p_tenant text, p_ids uuid[], p_entries text[], p_salts bytea[] default '{}',
  p_commitments bytea[] default '{}') returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  head public.audit_heads;
  fresh_ids uuid[];
  fresh text[];
  salts bytea[];
  commitments bytea[];
  hashes bytea[] := '{}';
  link bytea;
begin
  if current_setting('role', true) = 'opsspine_app' and p_tenant is distinct from current_setting('app.tenant_id', true) then
    raise exception 'tenant % may not write the audit trail of tenant %', current_setting('app.tenant_id', true), p_tenant
      using errcode = 'insufficient_privilege';
  end if;
  insert into public.audit_heads values (p_tenant, 0, sha256('opsspine audit v1\000'::bytea || convert_to(p_tenant, 'UTF8')))
    on conflict do nothing;
  select * into head from public.audit_heads where tenant_id = p_tenant for update;
  select array_agg(id order by n), array_agg(entry order by n), array_agg(salt order by n), array_agg(commitment order by n)
    into fresh_ids, fresh, salts, commitments from (
    select distinct on (id) id, entry, salt, commitment, n
    from unnest(p_ids, p_entries, p_salts, p_commitments) with ordinality as given(id, entry, salt, commitment, n)
    where not exists (select from public.audit_entries e where e.tenant_id = p_tenant and e.id = given.id)
    order by id, n) as news;
  if fresh is null then
    return 0;
  end if;
  link := head.hash;
  for i in 1 .. cardinality(fresh) loop
    link := sha256(link || commitments[i]);
    hashes[i] := link;
  end loop;
  insert into public.audit_entries
    select p_tenant, head.seq + n, id, (body ->> 'time')::timestamptz, body #>> '{data,action}',
           (body #>> '{data,incident}')::uuid, entry, salts[n], null, commitments[n], case n when 1 then head.hash else hashes[n - 1] end, hashes[n]
    from (select id, entry, entry::jsonb as body, n
          from unnest(fresh_ids, fresh) with ordinality as given(id, entry, n) offset 0) as parsed;  -- parsed once
  update public.audit_heads set seq = head.seq + cardinality(fresh), hash = link where tenant_id = p_tenant;
  return cardinality(fresh);
end $$;
revoke execute on function audit_append(text, uuid[], text[], bytea[], bytea[]) from public;
grant execute on function audit_append(text, uuid[], text[], bytea[], bytea[]) to opsspine_app, opsspine_system;

-- Takes what names a person out of one entry (store/erasure.py). The commitment, the hashes and what look-ups need stay,
-- so whatever is put here that is not the entry less something breaks the chain; and `audit verify` wants a receipt of
-- each erasure in the trail. Only the owner may call it.
create function audit_erase(p_tenant text, p_seq bigint, p_id uuid, p_entry text, p_opening jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('app.audit_erasing', 'on', true);
  update public.audit_entries set entry = p_entry, id = p_id, salt = null, opening = p_opening
  where tenant_id = p_tenant and seq = p_seq;
  perform set_config('app.audit_erasing', 'off', true);
end $$;
revoke execute on function audit_erase(text, bigint, uuid, text, jsonb) from public;
