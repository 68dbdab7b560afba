"""Changing a flag through its gate: propose, withdraw, apply. Times and lengths included.

A change that needs nobody else is proposed and applied in one transaction; one that does waits as a draft. All of it
runs as the system role, with the tenant of the caller's credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Refused
from spine.flag import CATALOGUE
from spine.flag.change import ChangeState, FlagChange, risk_of
from spine.flag.controller import conflict
from spine.flag.definition import Definition, parse_definition
from spine.flag.schedule import Planned, base_at, overlap
from spine.ids import ChangeId, PersonId, TenantId, mint
from spine.plan import Gate
from spine.settings import Settings
from store import audit, flag_archive, flag_changes, flag_write, flags
from store.flag_epoch import raise_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants of a flag."""

    key: str
    definition: Mapping[str, Any]
    expected_version: int
    reason: str
    starts_at: datetime | None = None
    ttl: timedelta | None = None
    purpose: str | None = None
    owner: str | None = None
    temporary: bool | None = None


def archiving(connection: Connection, tenant: TenantId, key: str, expected_version: int, reason: str) -> Wanted:
    """What it takes to archive `key`: the same definition, put away.

    Raises:
        Refused: `flag.unknown`; `flag.archived`, it is already.
    """
    flag = flags.get(connection, tenant, key)
    if flag is None:
        raise Refused("flag.unknown", f"There is no flag {key} here. Nothing was changed.")
    if flag.definition.archived:
        raise Refused("flag.archived", f"{key} is archived already. To have it back, put one of its versions back.")
    gone = flag.definition.put_away().stored()
    return Wanted(key=key, definition=gone, expected_version=expected_version, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposer:
    """Who wants it: a name for the trail, and the person if it is one (of a key who made it)."""

    actor: str
    person: PersonId | None = None


def propose(
    connection: Connection,
    tenant: TenantId,
    wanted: Wanted,
    by: Proposer,
    gate: Gate,
    *,
    now: datetime,
    settings: Settings,
) -> FlagChange:
    """Store the change as a draft; where `gate` needs another person's yes, ask for it.

    Raises:
        Refused: it is not valid, or made for another version (`flag.conflict`), or its time is taken or past.
    """
    definition = parse_definition(wanted.key, wanted.definition)
    if not wanted.reason.strip():
        raise Refused("flag.unsigned", f"Changing {wanted.key} needs a reason; nothing was stored")
    _check_times(wanted, now)
    flag_write.settle(connection, tenant, wanted.key, now)
    if definition.archived:
        _check_archive(connection, tenant, wanted, now)
    if (seen := flag_write.base(connection, tenant, wanted.key).version) != wanted.expected_version:
        raise conflict(wanted.key, wanted.expected_version, seen)
    change = FlagChange(
        id=ChangeId(mint()), tenant_id=tenant, key=wanted.key, definition=definition,
        base_version=wanted.expected_version, starts_at=wanted.starts_at, ttl=wanted.ttl, purpose=wanted.purpose,
        owner=wanted.owner, temporary=wanted.temporary, proposed_by=by.actor, person_id=by.person,
        reason=wanted.reason, risk=risk_of(wanted.key, settings), gate=gate, proposed_at=now,
        expires_at=now + timedelta(hours=settings.flag.approval_hours),
    )  # fmt: skip
    flag_changes.insert(connection, change)
    if gate >= Gate.APPROVE:
        asked = flag_changes.ask(connection, change, now=now, settings=settings)
        return replace(change, approval_id=asked)
    return change


def apply(
    connection: Connection, tenant: TenantId, change_id: ChangeId, *, actor: str, now: datetime, gate: Gate
) -> FlagChange:
    """Bring a draft into force, or plan it for its time. `gate` is what stands before it for whoever applies it.

    Raises:
        Refused: `change.unknown`; `change.ended`; `change.expired`; `change.not_approved`; `flag.conflict`, the flag
            was changed since; `flag.planned`, something else is planned for that time.
    """
    change = _settled(connection, tenant, change_id, now)
    if change.state is not ChangeState.DRAFT:
        raise Refused("change.ended", f"This change is {change.state.value} already; nothing was done.")
    if change.expires_at <= now:
        raise Refused("change.expired", f"This change had to be applied by {change.expires_at:%Y-%m-%d %H:%M} UTC.")
    if gate >= Gate.APPROVE and not flag_changes.granted(connection, change, now):
        raise Refused(
            "change.not_approved",
            f"{change.key} is of {change.risk.value} risk: another person must approve this change first "
            f"(approval {change.approval_id}). Nothing was changed.",
        )
    return _in_force(connection, change, actor, now)


def withdraw(connection: Connection, tenant: TenantId, change_id: ChangeId, *, actor: str, now: datetime) -> FlagChange:
    """Take back a draft or a planned change that has not begun; with it goes its planned end.

    Raises:
        Refused: there is none, or it has ended, begun, or is the end of another.
    """
    change = _settled(connection, tenant, change_id, now)
    if change.state not in (ChangeState.DRAFT, ChangeState.PLANNED) or change.returns:
        what = "the end of another change" if change.returns else f"{change.state.value} already"
        raise Refused("change.ended", f"This change is {what}; nothing was done.")
    if change.state is ChangeState.PLANNED and change.starts_at and change.ttl:
        ends = change.starts_at + change.ttl
        for one in flag_changes.planned(connection, tenant, change.key):
            if one.returns and one.starts_at == ends:
                flag_changes.end(connection, one.change_id, ChangeState.WITHDRAWN, at=now, by=actor)
    flag_changes.end(connection, change.id, ChangeState.WITHDRAWN, at=now, by=actor)
    _record(connection, change, "withdrawn", actor, now)
    raise_epoch(connection, tenant)
    return must(connection, tenant, change_id)


def take_back(connection: Connection, change_id: ChangeId, *, actor: str, because: str, now: datetime) -> bool:
    """Undo an applied change that should not stand, if nothing was changed since: the content before it comes back.

    A planned one is withdrawn. True = something was undone.
    """
    change = flag_changes.get(connection, change_id)
    if change is None:
        return False
    change = _settled(connection, change.tenant_id, change_id, now)
    if change.state in (ChangeState.DRAFT, ChangeState.PLANNED):
        withdraw(connection, change.tenant_id, change_id, actor=actor, now=now)
        return True
    if change.version is None:
        return False
    if flag_write.base(connection, change.tenant_id, change.key).version != change.version:
        return False
    if change.base_version == 0 and change.key not in CATALOGUE:  # there was no flag: applications find none again
        flag_write.write(
            connection, change.tenant_id, change.key, change.definition.put_away(), actor=actor, reason=because, at=now
        )
        return True
    flags.revert(
        connection, change.tenant_id, change.key, change.base_version, expected_version=change.version, actor=actor,
        reason=because, at=now,
    )  # fmt: skip
    return True


def must(connection: Connection, tenant: TenantId, change_id: ChangeId) -> FlagChange:
    """The tenant's change.

    Raises:
        Refused: `change.unknown`.
    """
    change = flag_changes.get(connection, change_id)
    if change is None or change.tenant_id != tenant:
        raise Refused("change.unknown", "There is no such change of a flag here.")
    return change


def _check_times(wanted: Wanted, now: datetime) -> None:
    if wanted.starts_at is not None and wanted.starts_at <= now:
        raise Refused("flag.past", "The change is to take effect in the past. Leave the time out for at once.")
    if wanted.ttl is not None and wanted.ttl <= timedelta(0):
        raise Refused("flag.ttl", "A change that has an end must last longer than nothing.")


def _check_archive(connection: Connection, tenant: TenantId, wanted: Wanted, now: datetime) -> None:
    """Before anybody is asked. When it is applied the holds are looked at again."""
    if wanted.starts_at is not None or wanted.ttl is not None:
        raise Refused(
            "flag.archive", "Archiving has neither a time nor a length: it is now, until a version is put back."
        )
    if planned := flag_changes.planned(connection, tenant, wanted.key):
        raise Refused(
            "flag.planned",
            f"Something is planned for {wanted.key} (change {planned[0].change_id}). Withdraw it, then archive.",
        )
    flag_archive.check(connection, tenant, wanted.key, now)


def _settled(connection: Connection, tenant: TenantId, change_id: ChangeId, now: datetime) -> FlagChange:
    """The change with its flag locked and written down as it stands: nobody touches either until the end."""
    flag_write.settle(connection, tenant, must(connection, tenant, change_id).key, now)
    return must(connection, tenant, change_id)


def _in_force(connection: Connection, change: FlagChange, actor: str, now: datetime) -> FlagChange:
    base = flag_write.base(connection, change.tenant_id, change.key)
    if base.version != change.base_version:
        raise conflict(change.key, change.base_version, base.version)
    if change.ttl and base.definition is None:
        raise Refused(
            "flag.nothing_before",
            f"{change.key} does not exist yet, so there is nothing it could go back to. Create it for good first.",
        )
    starts = max(change.starts_at or now, now)
    planned = flag_changes.planned(connection, change.tenant_id, change.key)
    _check_overlap(change, planned, starts)
    if change.ttl and base.definition is not None:
        before = base_at(parse_definition(change.key, base.definition), planned, starts)
        _plan_return(connection, change, before, starts + change.ttl, actor, now)
    if starts > now:
        flag_changes.end(connection, change.id, ChangeState.PLANNED, at=now, by=actor)
        _record(connection, change, "planned", actor, now)
        raise_epoch(connection, change.tenant_id)
    else:
        _write(connection, change, actor, now)
    return must(connection, change.tenant_id, change.id)


def _write(connection: Connection, change: FlagChange, actor: str, now: datetime) -> None:
    """The change becomes the next version now; one without an end overtakes what is planned."""
    if change.ttl is None:
        flag_write.overtake(connection, change.tenant_id, change.key, now)
    version = flag_write.write(
        connection, change.tenant_id, change.key, change.definition, actor=actor, reason=change.reason, at=now,
        purpose=change.purpose, owner=change.owner, temporary=change.temporary, detail={"change": str(change.id)},
    )  # fmt: skip
    flag_changes.end(connection, change.id, ChangeState.APPLIED, at=now, by=actor, version=version)


def _plan_return(
    connection: Connection, change: FlagChange, before: Definition, ends: datetime, actor: str, now: datetime
) -> None:
    back = replace(
        change, id=ChangeId(mint()), definition=before, starts_at=ends, ttl=None, returns=True, purpose=None,
        owner=None, temporary=None, reason=f"the end of: {change.reason}", approval_id=None,
        state=ChangeState.PLANNED, proposed_at=now,
    )  # fmt: skip
    flag_changes.insert(connection, back)
    flag_changes.end(connection, back.id, ChangeState.PLANNED, at=now, by=actor)


def _check_overlap(change: FlagChange, planned: list[Planned], starts: datetime) -> None:
    if change.starts_at is None and change.ttl is None:
        return  # it overtakes what is planned
    other = overlap(planned, starts, starts + change.ttl if change.ttl else None)
    if other is not None:
        raise Refused(
            "flag.planned",
            f"Something else is planned for {change.key} at {other.starts_at:%Y-%m-%d %H:%M:%S} UTC (change "
            f"{other.change_id}). Withdraw that one, or choose another time.",
        )


def _record(connection: Connection, change: FlagChange, outcome: str, actor: str, now: datetime) -> None:
    audit.append(
        connection, change.tenant_id, AuditAction.FLAG_CHANGED, actor=actor, at=now, subject=f"flag:{change.key}",
        plan_hash=change.hash, outcome=outcome, after={"definition": change.definition.stored()},
        detail={
            "change": str(change.id), "reason": change.reason,
            "starts_at": change.starts_at.isoformat() if change.starts_at else None,
            "ttl_seconds": change.ttl.total_seconds() if change.ttl else None,
        },
    )  # fmt: skip
