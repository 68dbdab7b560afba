-- deltas of sightings -> the countries of users and the habits of administrators
with taken as (
  delete from auth_sighting_delta returning *
), places as (
  insert into auth_user_country as u(tenant_id, user_id, country, first_at, last_at, first_ip, first_agent, last_agent,
    first_spot, last_spot)
  select tenant_id, user_id, country, min(first_at), max(last_at), (array_agg(ip order by first_at))[1],
    (array_agg(agent order by first_at))[1], (array_agg(agent order by last_at desc))[1],
    (array_agg(spot order by first_at))[1], (array_agg(spot order by last_at desc))[1]
  from taken where not admin and country is not null group by 1, 2, 3 order by 1, 2, 3
  on conflict(tenant_id, user_id, country) do update
  set first_ip = case when excluded.first_at < u.first_at then excluded.first_ip else u.first_ip end,
    first_agent = case when excluded.first_at < u.first_at then excluded.first_agent else u.first_agent end,
    last_agent = case when excluded.last_at > u.last_at then excluded.last_agent else u.last_agent end,
    first_spot = case when excluded.first_at < u.first_at then excluded.first_spot else u.first_spot end,
    last_spot = case when excluded.last_at > u.last_at then excluded.last_spot else u.last_spot end,
    first_at = least(u.first_at, excluded.first_at), last_at = greatest(u.last_at, excluded.last_at)
)
insert into auth_admin_habit as h(tenant_id, user_id, what, value, n, last_at)
select tenant_id, user_id, what, value, count(*), max(last_at)
from taken
cross join lateral (values ('country', country), ('address', host(ip)), ('agent', agent::text),
  ('hour', extract(hour from first_at at time zone 'UTC')::text)) v(what, value)
where admin and value is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4
on conflict(tenant_id, user_id, what, value) do update
set n = h.n + excluded.n, last_at = greatest(h.last_at, excluded.last_at)
