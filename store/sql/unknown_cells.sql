-- failed logins of closed hours, from addresses where nobody lives: by now, or before and 10 minutes after the failure;
-- without those of users who got in from there
select date_trunc('hour', l.occurred_at, 'UTC') as hour, l.tenant_id, l.user_id, host(l.ip) as ip, count(*)::int as n
from auth_ops_logs l
join auth_address a on a.tenant_id = l.tenant_id and a.ip = l.ip
cross join auth_user_bits
where l.occurred_at >= %(since)s and l.occurred_at < %(until)s and l.type = 'login_failed' and not l.synthetic
  and (a.first_ok is null or a.first_ok > l.occurred_at + interval '10 minutes'
    or not address_known(a.users_tried | a.users_tried_before, a.users_entered | a.users_entered_before, a.failures,
      a.successes, a.failures_before_ok))
  and (l.user_id is null or a.first_ok is null or a.first_ok > l.occurred_at
    or not at_home(a.users_entered | a.users_entered_before, user_bit(l.user_id, seed)))
group by 1, 2, 3, 4
