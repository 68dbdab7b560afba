"""Sessions in PostgreSQL. A token is kept as its SHA-256 only; sign-in, step-up and end are audited here."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.ids import NO_TENANT, PersonId, TenantId, mint
from spine.person import EVERY_TENANT, Person
from spine.session import Method, Session
from spine.settings.signin import SigninSettings
from store import audit

_COLUMNS = "id, person_id, tenant_id, method, csrf, created_at, last_seen_at, expires_at, stepped_up_at"
_SEEN_EVERY = timedelta(minutes=1)
"""So often at most a session's last use is written."""


def begin(
    connection: Connection,
    person: Person,
    method: Method,
    *,
    now: datetime,
    settings: SigninSettings,
    stepped_up: bool,
    tenant: TenantId | None = None,
) -> tuple[Session, str]:
    """Sign `person` in; returns the session and its token, which is given to the browser and stored nowhere.

    Starts in `tenant`, else in the first tenant they have a role in; who has one in every tenant, where the gravest
    incident lives. `stepped_up`: a second factor was shown now.
    """
    where = tenant or _start(connection, person)
    session = Session(
        id=mint(), person_id=person.id, tenant_id=where, method=method, csrf=secrets.token_urlsafe(32),
        created_at=now, last_seen_at=now,
        expires_at=now + timedelta(hours=settings.absolute_hours), stepped_up_at=now if stepped_up else None,
    )  # fmt: skip
    token = _insert(connection, session)
    _record(connection, session, person, "signed in", now, {"method": method, "second_factor": stepped_up})
    return session, token


def find(connection: Connection, token: str, *, now: datetime, settings: SigninSettings) -> Session | None:
    """The live session of this token, or None; its last use is noted once a minute.

    Found by the digest of 256 random bits: the comparison's timing tells nothing worth knowing.
    """
    row = connection.execute(
        text(f"select {_COLUMNS} from sessions where sha256 = :s and ended_at is null"),  # noqa: S608 - constants
        {"s": _digest(token)},
    ).one_or_none()
    session = _session(row) if row else None
    if session is None or session.over(now, settings):
        return None
    if now - session.last_seen_at >= _SEEN_EVERY:
        connection.execute(
            text("update sessions set last_seen_at = :now where id = :id"), {"now": now, "id": session.id}
        )
    return session


def step_up(
    connection: Connection, session: Session, person: Person, how: str, *, now: datetime
) -> tuple[Session, str]:
    """Note that a second factor was shown now, by `how`; the token is changed with the strength of the session.

    Call it once the factor was checked. The old token ends in the same transaction.
    """
    token = secrets.token_urlsafe(32)
    row = connection.execute(
        text(
            "update sessions set sha256 = :s, stepped_up_at = :now, last_seen_at = :now"  # noqa: S608 - constants
            f" where id = :id returning {_COLUMNS}"
        ),
        {"s": _digest(token), "now": now, "id": session.id},
    ).one()
    _record(connection, session, person, "accepted", now, {"method": how, "for": "session"})
    return _session(row), token


def act_in(connection: Connection, session: Session, person: Person, tenant: TenantId, *, now: datetime) -> Session:
    """Let the session act in `tenant` from now on. Whether the person has a role there is the caller's question."""
    connection.execute(text("update sessions set tenant_id = :t where id = :id"), {"t": tenant, "id": session.id})
    _record(connection, session, person, "changed tenant", now, {"to": tenant})
    return replace(session, tenant_id=tenant)


def end(connection: Connection, session: Session, person: Person, *, now: datetime) -> None:
    """Sign out."""
    connection.execute(text("update sessions set ended_at = :now where id = :id"), {"now": now, "id": session.id})
    _record(connection, session, person, "signed out", now, {})


def end_others(connection: Connection, session: Session, person: Person, *, now: datetime) -> int:
    """End every session of the person but this one; returns how many."""
    ended = end_all(connection, person.id, now=now, but=session.id)
    if ended:
        _record(connection, session, person, "ended other sessions", now, {"ended": ended})
    return ended


def end_all(connection: Connection, person: PersonId, *, now: datetime, but: UUID | None = None) -> int:
    """End every session of a person (`but` one); returns how many. Part of a change that is audited itself."""
    query = text(
        "update sessions set ended_at = :now where person_id = :p and ended_at is null"
        " and id is distinct from cast(:but as uuid)"
    )
    return connection.execute(query, {"now": now, "p": person, "but": but}).rowcount


def live(connection: Connection, person: PersonId, *, now: datetime, settings: SigninSettings) -> list[Session]:
    """A person's sessions that are not over, the newest first."""
    rows = connection.execute(
        text(
            f"select {_COLUMNS} from sessions where person_id = :p and ended_at is null"  # noqa: S608 - constants
            " order by created_at desc"
        ),
        {"p": person},
    )
    return [session for session in map(_session, rows) if not session.over(now, settings)]


def forget(connection: Connection, before: datetime) -> int:
    """Delete sessions that were over before `before`; returns how many. Who signed in stays in the audit trail."""
    query = text("delete from sessions where expires_at < :before or ended_at < :before")
    return connection.execute(query, {"before": before}).rowcount


def first_tenant(person: Person) -> TenantId:
    """Where somebody's session starts: the first tenant they have a role in, by name; else the single tenant."""
    named = sorted(tenant for tenant, roles in person.roles.items() if roles and tenant != EVERY_TENANT)
    return named[0] if named else NO_TENANT


def tenants_of(connection: Connection, person: Person) -> list[TenantId]:
    """The tenants somebody may act in, in order; who has a role in every tenant sees all there are."""
    named = {tenant for tenant, roles in person.roles.items() if roles}
    if EVERY_TENANT in named:
        query = "select tenant_id from api_keys union select tenant_id from audit_heads"
        named |= {TenantId(row[0]) for row in connection.execute(text(query))} | {NO_TENANT}
    return sorted(named - {EVERY_TENANT})


def elsewhere(connection: Connection, person: Person, here: TenantId) -> list[tuple[TenantId, int]]:
    """Other tenants somebody may act in where incidents live, and how many; the gravest first."""
    named = [tenant for tenant, roles in person.roles.items() if roles]
    rows = connection.execute(_ELSEWHERE, {"here": here, "every": EVERY_TENANT in named, "named": named})
    return [(TenantId(row.tenant_id), row.n) for row in rows]


_ELSEWHERE = text("""
    select tenant_id, count(*) as n from incidents
    where status <> 'resolved' and not synthetic and tenant_id <> :here and (:every or tenant_id = any(:named))
    group by tenant_id order by max(severity) desc, tenant_id limit 4""")


def _start(connection: Connection, person: Person) -> TenantId:
    if EVERY_TENANT not in person.roles:
        return first_tenant(person)
    live = [tenant for tenant, _ in elsewhere(connection, person, NO_TENANT)]
    known = [tenant for tenant in tenants_of(connection, person) if tenant != NO_TENANT]
    return next(iter([*live, *known]), NO_TENANT)


def _insert(connection: Connection, session: Session) -> str:
    token = secrets.token_urlsafe(32)
    connection.execute(
        text(
            f"insert into sessions({_COLUMNS}, sha256) values(:id, :person, :tenant, :method, :csrf, :created,"
            " :created, :expires, :stepped_up, :s)"
        ),
        {
            "id": session.id, "person": session.person_id, "tenant": session.tenant_id, "method": session.method,
            "csrf": session.csrf,
            "created": session.created_at, "expires": session.expires_at, "stepped_up": session.stepped_up_at,
            "s": _digest(token),
        },
    )  # fmt: skip
    return token


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id, person_id=PersonId(row.person_id), tenant_id=TenantId(row.tenant_id), method=Method(row.method),
        csrf=row.csrf, created_at=row.created_at, last_seen_at=row.last_seen_at, expires_at=row.expires_at,
        stepped_up_at=row.stepped_up_at,
    )  # fmt: skip


def _record(
    connection: Connection, session: Session, person: Person, outcome: str, now: datetime, detail: dict[str, object]
) -> None:
    audit.append(
        connection, session.tenant_id, AuditAction.STEPUP_DECIDED, actor=f"person:{person.email}", at=now,
        subject=f"session:{session.id}", outcome=outcome, detail=detail,
    )  # fmt: skip
