-- exact facts of the last hour about tokens, one row per tenant each (columns as tick_facts.sql): tokens that were
-- accepted and should have been refused (spine/token.py), and tokens that were refused as they should be; and callbacks
-- that were accepted past a check (spine/callback.py). Drills apart.
with token as materialized (
  select tenant_id, user_id, occurred_at as at, type, ip, attributes->>'kid' as kid,
    coalesce(attributes->>'reject_reason', '') as reason, synthetic, drill_id,
    case when jsonb_typeof(attributes->'clock_skew_seconds') = 'number'
      then abs((attributes->>'clock_skew_seconds')::numeric) end as skew
  from auth_ops_logs
  where occurred_at > %(since)s and occurred_at <= %(now)s
    and (type = 'jwt_validation_error'
      or type = 'oauth_callback_ok' and (attributes @> '{"state_ok": false}' or attributes @> '{"nonce_ok": false}'
        or attributes @> '{"redirect_ok": false}')
      or type = 'jwt_accepted' and (attributes @> '{"kid_trusted": false}' or attributes @> '{"alg_allowed": false}'
        or attributes @> '{"binding_ok": false}' or attributes @> '{"url_trusted": false}' or lower(btrim(attributes->>'alg')) = 'none'))
), bearer as (
  select tenant_id, kid, drill_id, case when count(user_id) > 0 then count(distinct user_id)
    when count(ip) > 0 then count(distinct ip) else count(*) end as people
  from token where type = 'jwt_validation_error' and reason = 'unknown_kid' and kid is not null
  group by tenant_id, kid, drill_id
), made_up as (
  -- whoever makes keys up makes many; that few people bear one or two may be a small tenant after a rotation
  select tenant_id, kid, drill_id from (select *, count(*) over (partition by tenant_id, drill_id) as keys
    from bearer b where people < 3 and not exists (select from auth_ops_logs r
      where r.tenant_id = b.tenant_id and r.occurred_at > %(since)s and r.occurred_at <= %(now)s
        and r.type = 'signing_key_rotated' and r.attributes->>'kid' = b.kid
        and r.drill_id is not distinct from b.drill_id)) few
  where keys >= 5
), fact as (
  select tenant_id, case type when 'jwt_accepted' then 'unsound_token_accepted' else 'unsound_callback_accepted' end as fact,
    count(*) as n, count(distinct user_id) as measure,
    min(at) as first_at, max(at) as last_at, array_agg(distinct host(ip)) filter (where ip is not null) as ips,
    synthetic, drill_id
  from token where type in ('jwt_accepted', 'oauth_callback_ok') group by tenant_id, type, synthetic, drill_id
  union all
  select t.tenant_id, 'tokens_refused_rightly', count(*), count(m.kid), min(at), max(at), null, t.synthetic, t.drill_id
  from token t left join made_up m on m.tenant_id = t.tenant_id and m.kid = t.kid
    and m.drill_id is not distinct from t.drill_id and t.reason = 'unknown_kid'
  where t.type = 'jwt_validation_error'
    and (t.reason in ('alg_none', 'disallowed_alg', 'untrusted_url', 'malformed', 'revoked', 'replayed')
      or t.reason = 'expired' and coalesce(t.skew, 0) <= 60 or t.reason = 'not_yet_valid' and t.skew <= 60
      or m.kid is not null)
  group by t.tenant_id, t.synthetic, t.drill_id
)
select tenant_id, null, fact, n, measure, micros(first_at), micros(last_at), coalesce(ips, '{}'), null, synthetic, drill_id
from fact order by tenant_id, fact
