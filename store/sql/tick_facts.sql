-- exact facts of the last hour about sessions and administrators, one row each (spine/detect/entity/frames.py): what one
-- event, or a few together, say by themselves, whatever is usual. Drills apart.
with odd as (
  -- sessions used from two addresses or by two users: few, so that all else looks at these alone
  select tenant_id, session_id, drill_id from auth_ops_logs
  where occurred_at > %(since)s and occurred_at <= %(now)s
    and type in ('session_created', 'session_used', 'session_refreshed') and session_id is not null
  group by tenant_id, session_id, drill_id
  having min(ip) <> max(ip) or min(user_id) <> max(user_id)
), used as materialized (
  select l.tenant_id, l.user_id, l.occurred_at as at, l.type, l.ip, l.session_id, l.attributes->>'device_id' as device,
    l.attributes @> '{"is_admin": true}' as admin, l.synthetic, l.drill_id,
    l.attributes @> '{"automation": true}' or coalesce(l.user_agent ~*
      '^(python-|python/|aiohttp|httpx|curl/|wget/|go-http-client|java/|libwww-perl|scrapy|axios/|node-fetch|undici|postman|httpie|powershell|ruby|faraday)|headless|phantomjs|selenium|puppeteer|playwright',
      false) as automated
  from auth_ops_logs l join odd o on o.tenant_id = l.tenant_id and o.session_id = l.session_id
    and o.drill_id is not distinct from l.drill_id
  where l.occurred_at > %(since)s and l.occurred_at <= %(now)s
    and l.type in ('session_created', 'session_used', 'session_refreshed')
), rare as materialized (
  select tenant_id, user_id, occurred_at as at, id, type, ip, session_id, attributes, synthetic, drill_id,
    type in ('admin_login', 'admin_login_failed', 'admin_action') or attributes @> '{"is_admin": true}' as admin
  from auth_ops_logs
  where occurred_at > %(since)s and occurred_at <= %(now)s
    and (type in ('session_rejected', 'session_refresh_failed', 'admin_login', 'admin_login_failed', 'admin_action',
        'mfa_succeeded', 'mfa_failed', 'mfa_denied', 'mfa_removed')
      or type in ('session_used', 'session_refreshed') and attributes ?| array['owner_user_id', 'refresh_reused'])
), admin as (
  select r.* from rare r
  where user_id is not null and (admin
    or exists (select from rare a where a.admin and a.tenant_id = r.tenant_id and a.user_id = r.user_id
      and a.drill_id is not distinct from r.drill_id)
    or not synthetic and exists (select from auth_admin_habit h where h.tenant_id = r.tenant_id and h.user_id = r.user_id))
), replay as (
  select u.tenant_id, coalesce(h.user_id, u.user_id) as user_id, u.at, u.ip, u.session_id, u.synthetic, u.drill_id
  from used u cross join lateral (
    select h.user_id from used h
    where h.tenant_id = u.tenant_id and h.session_id = u.session_id and h.drill_id is not distinct from u.drill_id
      and not h.automated and h.ip <> u.ip and h.at < u.at
    order by h.at limit 1
  ) h
  where u.automated
), shared as (
  select tenant_id, (array_agg(user_id order by at))[1] as user_id, (array_agg(user_id order by at desc))[1] as last_user,
    min(user_id) as least_user, max(user_id) as most_user, count(*) as n, min(at) as first_at, max(at) as last_at,
    array_agg(distinct host(ip)) filter (where ip is not null) as ips, synthetic, drill_id
  from used where user_id is not null and not admin
  group by tenant_id, session_id, synthetic, drill_id
  -- a second user who began the session anew took over a browser, not somebody's session
  having min(user_id) <> max(user_id) and coalesce(min(user_id) filter (where type = 'session_created')
    = max(user_id) filter (where type = 'session_created'), true)
), guess as (
  select distinct on (tenant_id, ip, drill_id, session_id) tenant_id, ip, at, synthetic, drill_id
  from rare r
  where type = 'session_rejected' and ip is not null and session_id is not null
    and coalesce(attributes->>'reject_reason', '') not in ('expired', 'revoked', 'not_yet_valid')
  order by tenant_id, ip, drill_id, session_id, at
), guesses as (
  select *, count(*) over (partition by tenant_id, ip, drill_id order by at
    range between interval '5 minutes' preceding and current row) as together
  from guess
), denial as (
  select *, count(*) over (partition by tenant_id, user_id, drill_id order by at
    range between interval '10 minutes' preceding and current row) as together
  from admin where type = 'mfa_denied'
), change as (
  select *, attributes->>'admin_action' as what
  from admin where type in ('admin_action', 'mfa_removed') and not attributes @> '{"allowed": false}'
), turnover as (
  select *, count(*) filter (where what = 'admin_deleted') over w as deleted,
    count(*) filter (where what = 'admin_invited') over w as invited
  from change where what in ('admin_deleted', 'admin_invited')
  window w as (partition by tenant_id, user_id, drill_id order by at
    range between current row and interval '10 minutes' following)
), fact as (
  select tenant_id, user_id, 'session_replayed' as fact, count(*) as n, count(distinct session_id) as measure,
    min(at) as first_at, max(at) as last_at, array_agg(distinct host(ip)) as ips, null as other_user, synthetic, drill_id
  from replay group by tenant_id, user_id, synthetic, drill_id
  union all
  select tenant_id, user_id, 'session_of_two', n, 2, first_at, last_at, ips,
    case when last_user <> user_id then last_user when least_user <> user_id then least_user else most_user end,
    synthetic, drill_id
  from shared
  union all
  select tenant_id, attributes->>'owner_user_id', 'session_of_two', count(*), 2, min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), min(user_id), synthetic, drill_id
  from rare where user_id is not null and attributes->>'owner_user_id' <> user_id and not admin
    and type in ('session_used', 'session_refreshed')
  group by tenant_id, attributes->>'owner_user_id', synthetic, drill_id
  union all
  select tenant_id, min(user_id), 'many_devices', count(*), count(distinct device), min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), null, synthetic, drill_id
  from used where device is not null and user_id is not null
  group by tenant_id, session_id, synthetic, drill_id having count(distinct device) > 1
  union all
  select tenant_id, user_id, 'refresh_reused', 1, case when jsonb_typeof(attributes->'reuse_age_seconds') = 'number'
    then floor(least((attributes->>'reuse_age_seconds')::numeric, 1000000))::bigint end,
    at, at, array_remove(array[host(ip)], null), null, synthetic, drill_id
  from rare where user_id is not null and type in ('session_refreshed', 'session_refresh_failed')
    and attributes @> '{"refresh_reused": true}' and jsonb_typeof(attributes->'reuse_age_seconds') = 'number'
  union all
  select tenant_id, null, 'guessed_ids', count(*), max(together), min(at), max(at), array[host(ip)], null, synthetic, drill_id
  from guesses g
  -- where people live, many sessions can be lost at once
  where (select count(distinct user_id) from auth_ops_logs l
    where l.tenant_id = g.tenant_id and l.ip = g.ip and l.drill_id is not distinct from g.drill_id
      and l.occurred_at > %(since)s and l.occurred_at <= %(now)s
      and l.type in ('session_created', 'session_used', 'login_succeeded')) < 3
  group by tenant_id, ip, synthetic, drill_id having max(together) > 9
  union all
  select tenant_id, user_id, 'second_factor_failed', count(*), count(*), min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), null, synthetic, drill_id
  from admin a
  where type in ('mfa_failed', 'mfa_denied', 'admin_login_failed') and attributes @> '{"first_factor_ok": true}'
    and at <= %(now)s - interval '5 minutes' and not exists (select from admin s
      where s.tenant_id = a.tenant_id and s.user_id = a.user_id and s.drill_id is not distinct from a.drill_id
        and s.type in ('mfa_succeeded', 'admin_login') and s.ip is not distinct from a.ip
        and s.at between a.at and a.at + interval '5 minutes')
  group by tenant_id, user_id, synthetic, drill_id
  union all
  select tenant_id, user_id, 'pushes_denied', count(*), max(together), min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), null, synthetic, drill_id
  from denial group by tenant_id, user_id, synthetic, drill_id having count(*) > 1
  union all
  select tenant_id, user_id, 'changed_on_new_device', count(*), count(*), min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), null, synthetic, drill_id
  from change c
  where exists (select from admin l
    where l.type = 'admin_login' and l.attributes @> '{"device_new": true}' and l.tenant_id = c.tenant_id
      and l.user_id = c.user_id and l.drill_id is not distinct from c.drill_id
      and c.at between l.at and l.at + interval '30 minutes')
  group by tenant_id, user_id, synthetic, drill_id
  union all
  select tenant_id, user_id, 'idp_created', count(*), count(*), min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), null, synthetic, drill_id
  from change where what = 'idp_created' group by tenant_id, user_id, synthetic, drill_id
  union all
  select tenant_id, user_id, 'admins_replaced', count(*), max(deleted) filter (where invited > 0), min(at), max(at),
    array_agg(distinct host(ip)) filter (where ip is not null), null, synthetic, drill_id
  from turnover group by tenant_id, user_id, synthetic, drill_id having max(deleted) filter (where invited > 0) > 1
)
select tenant_id, user_id, fact, n, measure, micros(first_at), micros(last_at), coalesce(ips, '{}'), other_user, synthetic,
  drill_id
from fact order by tenant_id, fact, user_id, first_at
