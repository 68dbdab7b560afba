-- exact facts of the last hour about sessions and administrators, one row each (spine/detect/entity/frames.py): what one
-- event, or a few together, say by themselves, whatever is usual. Drills apart.
with used as (
  -- sessions used from two addresses or by two users: few, so that all else looks at these alone. By windows, for a join
  -- would be planned by guesses about their number
  select tenant_id, id, user_id, at, type, ip, session_id, attributes->>'device_id' as device,
    attributes @> '{"is_admin": true}' as admin, synthetic, drill_id,
    attributes @> '{"automation": true}' or coalesce(case when starts_with(user_agent, 'Mozilla/')
      then position('Headless' in user_agent) > 0 or position('PhantomJS' in user_agent) > 0
      else user_agent ~* '^(python|aiohttp|httpx|curl/|wget/|go-http|java/|libwww|scrapy|axios/|node|undici|postman|httpie|powershell|ruby|faraday|selenium|puppeteer|playwright)'
      end, false) as automated
  from (
    select tenant_id, id, user_id, occurred_at as at, type, ip, session_id, user_agent, attributes, synthetic, drill_id,
      min(ip) over s <> max(ip) over s or min(user_id collate "C") over s <> max(user_id collate "C") over s as odd
    from auth_ops_logs
    where occurred_at > %(since)s and occurred_at <= %(now)s
      and type in ('session_created', 'session_used', 'session_refreshed') and session_id is not null
    window s as (partition by session_id collate "C", tenant_id collate "C", drill_id collate "C")
  ) l where odd
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
    or (tenant_id, user_id, coalesce(drill_id, '')) in (
      select tenant_id, user_id, coalesce(drill_id, '') from rare where admin and user_id is not null)
    or not synthetic and exists (select from auth_admin_habit h where h.tenant_id = r.tenant_id and h.user_id = r.user_id))
), traced as (
  -- where people were with the session before
  select *, min(ip) filter (where not automated) over w as least_ip, max(ip) filter (where not automated) over w as most_ip,
    min(user_id) filter (where not automated) over w as person
  from used
  window w as (partition by session_id collate "C", tenant_id collate "C", drill_id collate "C" order by at, id
    rows between unbounded preceding and 1 preceding)
), replay as (
  select tenant_id, coalesce(person, user_id) as user_id, at, ip, session_id, synthetic, drill_id
  from traced where automated and (least_ip <> ip or most_ip <> ip)
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
), guessed as (
  select tenant_id, ip, count(*) as n, max(together) as measure, min(at) as first_at, max(at) as last_at, synthetic, drill_id
  from guesses group by tenant_id, ip, synthetic, drill_id having max(together) > 9
), home as materialized (
  -- where people live, many sessions can be lost at once; the hour is read once, whoever guesses, and only then. The
  -- coalesce keeps the planner from a join, which it would plan for few guesses
  select tenant_id, ip, coalesce(drill_id, '') as drill_id from auth_ops_logs
  where occurred_at > %(since)s and occurred_at <= %(now)s and coalesce(ip in (select ip from guessed), false)
    and type in ('session_created', 'session_used', 'login_succeeded')
  group by 1, 2, 3 having count(distinct user_id) >= 3
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
  select tenant_id, null, 'guessed_ids', n, measure, first_at, last_at, array[host(ip)], null, synthetic, drill_id
  from guessed g
  where not exists (select from home h where h.tenant_id = g.tenant_id and h.ip = g.ip
    and h.drill_id = coalesce(g.drill_id, ''))
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
