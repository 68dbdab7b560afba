-- News for the pages that are open: "<topic> <incident or -> <tenant>" on the channel `console`. PostgreSQL tells the
-- same news once a transaction, and nobody who is not listening.
create function console_news() returns trigger language plpgsql as $$
declare
  news jsonb := to_jsonb(new);
begin
  perform pg_notify('console', tg_argv[0] || ' ' || coalesce(news ->> tg_argv[1], '-') || ' ' || left(news ->> 'tenant_id', 500));
  return null;
end $$;
create trigger console_news after insert or update on incidents for each row execute function console_news('incident', 'id');
create trigger console_news after insert on incident_timeline for each row execute function console_news('incident', 'incident_id');
create trigger console_news after insert or update on leases for each row execute function console_news('incident', 'incident_id');
create trigger console_news after insert or update on approvals for each row execute function console_news('approval', 'incident_id');
create trigger console_news after insert on approval_votes for each row execute function console_news('approval', 'none');
create trigger console_news after insert or update on commands for each row execute function console_news('incident', 'incident_id');
create trigger console_news after insert or update on flag_epochs for each row execute function console_news('flag', 'none');
create trigger console_news after insert or update on suppressions for each row execute function console_news('suppression', 'none');
create trigger console_news after insert or update on drills for each row execute function console_news('drill', 'incident_id');
create trigger console_news after insert or update on oncall_schedules for each row execute function console_news('oncall', 'none');
create trigger console_news after insert or update on oncall_overrides for each row execute function console_news('oncall', 'none');
create trigger console_news after insert or update on oncall_escalations for each row execute function console_news('incident', 'incident_id');
create trigger console_news after insert or update on flag_changes for each row execute function console_news('flag', 'none');
