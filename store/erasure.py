"""Erasing one person's data, and keeping what others need: counts, histories, and a trail that still verifies.

Everything happens in one transaction as the owner of the schema. See docs/adr/0033-erasure.md for what is kept and why.
"""

import json
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, text

from spine.commitment import erase
from spine.decision.plan_hash import of_decision
from spine.erasure import Traces, stand_in
from spine.errors import Refused
from spine.ids import NO_TENANT, PersonId, TenantId, mint
from spine.person import Person
from spine.plan import Decision
from store import audit, flag_epoch, leases, people, receipts
from store.erasure_scan import Found, count, in_order, replace
from store.evidence import digest
from store.forget import forget_user

_PEOPLE = ("people", "person_accounts", "person_roles", "api_keys")
_FLAGS = frozenset({"flags", "flag_holds", "flag_changes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was found of somebody, and erased."""

    number: str
    """They are `erased-<number>` from now on, and "[erased <number>]" in the audit trail."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows changed or deleted, by table."""
    sessions: int = 0
    addresses: int = 0
    """That nobody else was seen with."""
    weak: list[str] = field(default_factory=list)
    """Names too short or plain to be looked for inside free text."""
    live: list[str] = field(default_factory=list)
    """Incidents still going on that bear them: nothing is erased before those are resolved."""

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())

    def told(self) -> dict[str, object]:
        """For receipts: no name."""
        return {"number": self.number, "rows": self.rows, "sessions": self.sessions, "addresses": self.addresses}


def erase_user(
    connection: Connection,
    tenant: TenantId,
    names: Sequence[str],
    *,
    actor: str,
    now: datetime,
    by: Collection[str] = (),
) -> Erased:
    """Erase a user of a tenant's application, known by any of `names` (ids, addresses).

    For a dry run see store/rehearsal.py. Raises nothing when incidents are live: `live` says so, and the caller must
    not commit.
    """
    sessions, addresses = _theirs(connection, tenant, names)
    traces = Traces.of_user(tenant, names, _number(), things=[*sessions, *addresses])
    found = Found()
    count(found, "auth_ops_logs", _events(connection, tenant, names, stand_in(traces.number)))
    count(found, "auth_sighting_delta … auth_crossing", sum(forget_user(connection, tenant, name) for name in names))
    count(found, "auth_address", _addresses(connection, tenant, addresses))
    replace(connection, traces, tenant=tenant, found=found, leave=_PEOPLE)
    return _finish(connection, tenant, traces, found, actor, now, by, sessions=len(sessions), addresses=len(addresses))


def erase_person(
    connection: Connection, person: Person, *, actor: str, now: datetime, by: Collection[str] = ()
) -> Erased:
    """Erase somebody who works with us. What they decided stays, as the word of `erased-<number>`.

    Raises:
        Refused: they can still sign in.
    """
    if person.disabled_at is None:
        raise Refused(
            "erase.active",
            "They still have access, and may be on call. Nothing was erased. First `opsspine people disable`, and take "
            "them off the on-call schedules.",
        )
    accounts = [ref.account for ref in people.accounts(connection, person.id)]
    traces = Traces.of_person(person.email, [person.name, *accounts], _number())
    found = Found()
    for table in _OWN:
        done = connection.execute(text(f"delete from {table} where person_id = :id"), {"id": person.id})  # noqa: S608 - constants
        count(found, table, done.rowcount)
    count(found, "people", _anonymous(connection, person.id, stand_in(traces.number)))
    replace(connection, traces, tenant=None, found=found)
    return _finish(connection, None, traces, found, actor, now, by)


_OWN = (
    "person_accounts", "person_roles", "sessions", "passkeys", "recovery_codes", "ceremonies", "stepup_attempts",
    "oncall_contacts", "oncall_rules",
)  # fmt: skip
"""What is a person's alone, and goes whole."""


def _number() -> str:
    return secrets.token_hex(6)


def _theirs(connection: Connection, tenant: TenantId, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Sessions and network addresses that this user alone was seen with. An address from which they only ever failed
    is not theirs: it may be who attacked them."""
    sessions = connection.execute(text(_ALONE.format("session_id", "")), {"t": tenant, "names": list(names)}).scalars()
    got_in = " and exists (select from auth_ops_logs g where g.tenant_id = :t and g.ip = mine.thing::inet"
    got_in += " and g.user_id = any(:names) and g.type in ('login_succeeded', 'session_created', 'admin_login'))"
    addresses = connection.execute(
        text(_ALONE.format("host(ip)", got_in)), {"t": tenant, "names": list(names)}
    ).scalars()
    return list(sessions), list(addresses)


_ALONE = """
    select thing from (
        select distinct {0} as thing from auth_ops_logs
        where tenant_id = :t and user_id = any(:names) and {0} is not null) as mine
    where not exists (select from auth_ops_logs o where o.tenant_id = :t and {0} = mine.thing
                      and o.user_id is not null and o.user_id <> all(:names)) {1}"""


def _events(connection: Connection, tenant: TenantId, names: Sequence[str], new: str) -> int:
    """Their events stay as counts: the type, the time, the country, and that it was one and the same user."""
    return connection.execute(
        text(
            "update auth_ops_logs set user_id = :new, ip = null, session_id = null, user_agent = null,"
            " attributes = '{}' where tenant_id = :t and user_id = any(:names)"
        ),
        {"new": new, "t": tenant, "names": list(names)},
    ).rowcount


def _addresses(connection: Connection, tenant: TenantId, addresses: Sequence[str]) -> int:
    values = {"t": tenant, "addresses": list(addresses)}
    gone = 0
    for table in ("auth_address", "auth_login_delta"):
        query = text(f"delete from {table} where tenant_id = :t and ip = any(cast(:addresses as inet[]))")  # noqa: S608
        gone += connection.execute(query, values).rowcount
    return gone


def _anonymous(connection: Connection, person: PersonId, new: str) -> int:
    query = text("update people set email = :new, name = :new, totp_secret = null where id = :id")
    return connection.execute(query, {"new": new, "id": person}).rowcount


def _finish(
    connection: Connection,
    tenant: TenantId | None,
    traces: Traces,
    found: Found,
    actor: str,
    now: datetime,
    by: Collection[str],
    *,
    sessions: int = 0,
    addresses: int = 0,
) -> Erased:
    _digests(connection, traces.number, found)
    count(found, "audit_entries", _trail(connection, tenant, traces).total())
    if found.rows.keys() & _FLAGS:
        for owner in [tenant] if tenant else audit.tenants(connection):
            flag_epoch.raise_epoch(connection, owner)
    live = connection.execute(_LIVE, {"ids": sorted(found.incidents)}).scalars()
    done = Erased(
        number=traces.number, rows=dict(in_order(found)), sessions=sessions, addresses=addresses, weak=traces.weak,
        live=[str(one) for one in live],
    )  # fmt: skip
    detail = {**done.told(), "by": sorted(by)}
    receipts.leave(connection, "erasure", actor=actor, at=now, ok=True, detail=detail, tenant=tenant or NO_TENANT)
    return done


_LIVE = text(f"""
    select id::text from incidents where id::text = any(:ids) and (status <> 'resolved' or exists (
        select from leases where incident_id = incidents.id and {leases.OPEN})) order by 1""")  # noqa: S608 - a constant


def _digests(connection: Connection, number: str, found: Found) -> None:
    """Hashes over content that has changed are made again, so that evidence and plans still verify by themselves."""
    new: dict[str, str] = {}
    for frozen in connection.execute(_EVIDENCE, {"like": f"%{stand_in(number)}%"}).mappings().all():
        row = dict(frozen)
        if (made := digest(row)) != row["sha256"]:
            new[row["sha256"]] = made
            connection.execute(text("update evidence set sha256 = :h where id = :id"), {"h": made, "id": row["id"]})
    if new:
        replace(connection, Traces(number, {}, {}, new), tenant=None, found=Found())
    plans = {}
    for plan in connection.execute(_PLANS, {"like": f"%{stand_in(number)}%", "new": list(new.values())}):
        try:
            plans[plan.plan_hash] = of_decision(Decision.model_validate_json(plan.body))
        except ValidationError:
            continue  # of an older shape: it is shown, and never carried out again
    changed = {old: made for old, made in plans.items() if old != made}
    if changed:
        replace(connection, Traces(number, {}, {}, changed), tenant=None, found=Found())


_EVIDENCE = text("""
    select id, source, query, window_start, window_end, n, observed, threshold, body, sha256 from evidence
    where body::text like :like or query like :like or observed::text like :like or source like :like""")
_PLANS = text("""
    select plan_hash, body::text as body from decisions d
    where body::text like :like
       or exists (select from unnest(cast(:new as text[])) as one where d.body::text like '%' || one || '%')""")


def _trail(connection: Connection, tenant: TenantId | None, traces: Traces) -> Counter[str]:
    """Take them out of the chains; every hash stays as it is. Returns how many entries of which tenant's chain.

    Other tenants' chains are looked through for hashes of names alone: a name may be somebody else's there.
    """
    patterns = {"own": traces.patterns(everywhere=False), "anyones": traces.patterns(everywhere=True)}
    rows = connection.execute(_ENTRIES, {"t": tenant, **patterns}).all()
    elsewhere, cleared = Traces(traces.number, {}, {}, traces.digests), Counter[str]()
    for row in rows:
        meant = traces if tenant in (None, row.tenant_id) else elsewhere
        done = erase(row.entry.encode(), audit.opening_of(row), meant.personal, traces.number)
        if done is None:
            continue
        less, opening = done
        told = json.dumps({"keys": dict(opening.keys), "erased": dict(opening.erased)})
        connection.execute(
            text("select audit_erase(:t, :seq, :id, :entry, cast(:opening as jsonb))"),
            {"t": row.tenant_id, "seq": row.seq, "id": mint(), "entry": less.decode(), "opening": told},
        )
        cleared[row.tenant_id] += 1
    return cleared


_ENTRIES = text("""
    select tenant_id, seq, entry, salt, opening from audit_entries
    where (cast(:t as text) is null or tenant_id = :t) and lower(entry) like any(:own)
      or lower(entry) like any(:anyones)
    order by tenant_id, seq""")
