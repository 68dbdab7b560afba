"""A tenant with a past, a key and people: what a gateway meets in a busy installation."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from benchmarks.traffic import traffic
from spine.flag import boolean_flag
from spine.ids import TenantId
from spine.person import PersonRef, Role
from spine.session import Method
from spine.settings import Settings
from store import flags, people, sessions
from store.bulk import ingest_frame
from store.engine import Database
from store.fold import fold
from store.keys import add_key
from store.secrets import Vault

TENANT = TenantId("t0000")
EVENTS, INCIDENTS, APPROVALS, FLAGS = 50_000, 500, 200, 20
_PEOPLE = 50


def seed(opened: Database, settings: Settings) -> tuple[str, list[str]]:
    """A tenant with a past; returns its key and the sessions of who watches it."""
    now = datetime.now(UTC)
    table = traffic(EVENTS, now, timedelta(hours=24), tenants=1)
    ingest_frame(opened, iter([table]), tenant_id=None, now=now)
    for number in range(FLAGS):
        change_flag(opened, f"bench.f{number}", 0)
    with opened.system() as connection:
        fold(connection)
        for statement, rows in ((_INCIDENTS, INCIDENTS), (_DECISIONS, APPROVALS), (_APPROVALS, APPROVALS)):
            connection.execute(text(statement), {"tenant": TENANT, "rows": rows, "now": now})
        key = add_key(connection, TENANT, "bench", ["events:write", "flags:read", "ops:read"], now=now)[1]
        tokens = [_session(connection, f"p{number}@example.org", settings, now) for number in range(_PEOPLE)]
    return key, tokens


def _session(connection: Connection, email: str, settings: Settings, now: datetime) -> str:
    """Somebody signs in; the value of their cookie."""
    roles, vault = [(TENANT, Role.VIEWER)], Vault.of(settings)
    people.add(connection, email, "Ann", roles, vault=vault, actor="bench", now=now)
    person = people.find(connection, PersonRef.by_email(email))
    assert person is not None
    return sessions.begin(
        connection, person, Method.PASSKEY, now=now, settings=settings.signin, stepped_up=False
    )[1]  # fmt: skip


def change_flag(opened: Database, key: str, version: int) -> None:
    """Write the flag once more; `version` is the one it has, 0 = none."""
    with opened.system() as connection:
        flags.put(
            connection, TENANT, key, boolean_flag(on=version % 2 == 0).stored(), expected_version=version,
            actor="bench", reason="bench", at=datetime.now(UTC),
        )  # fmt: skip


_INCIDENTS = """
    insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,
      last_finding_at, resolved_at)
    select gen_random_uuid(), :tenant, 'FAILED_LOGINS_SPIKE', 'user-' || n, case when n % 50 = 0 then 'open'
      else 'resolved' end, n % 4, 'Failed logins: 1,840 from 20 addresses', at, at, at,
      case when n % 50 = 0 then null else at end
    from (select n, cast(:now as timestamptz) - n * interval '1 hour' as at from generate_series(1, :rows) n) made"""
_DECISIONS = """
    insert into decisions(id, tenant_id, incident_id, seq, plan_hash, verb, body, created_at, expires_at)
    select gen_random_uuid(), :tenant, id, 1, 'hash', 'MITIGATE', '{}', :now, :now
    from (select id from incidents order by opened_at desc limit :rows) newest"""
_APPROVALS = """
    insert into approvals(id, tenant_id, incident_id, decision_id, gate, steps, plan_hash, risk, containment,
      requester, status, votes_needed, requested_at, expires_at)
    select gen_random_uuid(), :tenant, incident_id, id, 'approve', '{1}', 'hash', 'high', false, 'engine', 'expired',
      1, :now, :now from decisions limit :rows"""
