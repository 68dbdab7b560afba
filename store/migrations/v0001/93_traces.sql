-- A message belongs to the trace in which it was written; the transaction says which (store/engine.py).
alter table outbox add column trace text default nullif(current_setting('app.traceparent', true), '');
