"""Ramping: one step of a flag to more users, or all the way back. Up only on a fresh GO and while nothing burns."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.errors import Refused
from spine.flag.stored import StoredFlag
from spine.ids import TenantId, mint
from spine.plan import Gate
from spine.ramp import at_percent, check_pause, next_step, reached
from spine.settings import Settings
from spine.severity import Severity
from store import flags, incidents, operations
from store.flag_propose import Proposer, Wanted, apply, propose
from tasks.launching import OPERATION

RAMP = "launch_ramp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramped:
    """What one step did."""

    key: str
    before: int | None
    """Percent; None = it had a rule of another kind."""
    percent: int | None
    version: int


def step_up(
    connection: Connection, tenant: TenantId, key: str, by: Proposer, gate: Gate, *, now: datetime, settings: Settings
) -> Ramped:
    """Take the next step of `key`: 1, 10, 50, 100 percent.

    Raises:
        Refused: no fresh GO; an incident burns; the last step is too young; no flag that a ramp can move; or
            somebody changed it meanwhile (`flag.conflict`).
    """
    flag = _known(connection, tenant, key)
    version = flag.version_at(now)
    to = next_step(key, flag.base_at(now))
    _go(connection, tenant, now, settings)
    _calm(connection, tenant)
    last = _last(connection, tenant, key)
    moved = last.finished_at if last is not None and not last.detail["back"] else None
    check_pause(key, moved, now, timedelta(minutes=settings.launch.ramp_minutes))
    wanted = Wanted(
        key=key, definition=at_percent(flag.base_at(now), to), expected_version=version,
        reason=f"launch: {to} % of the users",
    )  # fmt: skip
    made = propose(connection, tenant, wanted, by, gate, now=now, settings=settings)
    done = apply(connection, tenant, made.id, actor=by.actor, now=now, gate=gate)
    assert done.version is not None
    origin = last.detail["origin"] if last is not None and _under_way(last, version) else version
    before = reached(flag.base_at(now))
    ramped = Ramped(key=key, before=before, percent=to, version=done.version)
    _keep(connection, tenant, ramped, by.actor, now, origin=origin, back=False)
    return ramped


def go_back(connection: Connection, tenant: TenantId, key: str, *, actor: str, reason: str, now: datetime) -> Ramped:
    """End the ramp of `key`: the exact version from before its first step is the base again.

    Raises:
        Refused: no ramp of it is under way, or somebody changed it meanwhile.
    """
    last = _last(connection, tenant, key)
    if last is None or last.detail["back"]:
        raise Refused("ramp.none", f"No ramp of {key} is under way, so there is nothing to go back from.")
    flag = _known(connection, tenant, key)
    origin, version = last.detail["origin"], flag.version_at(now)
    if not _under_way(last, version):
        raise Refused(
            "ramp.changed",
            f"The ramp left {key} at version {last.detail['version']}, and it is at {version}: somebody changed it "
            f"since, and going back would lose that. Nothing was changed. `opsspine flags history {key}` shows what; "
            f"`opsspine flags revert {key} {origin}` goes back even so.",
        )
    before = reached(flag.base_at(now))
    version = flags.revert(
        connection, tenant, key, origin, expected_version=version, actor=actor, reason=reason, at=now
    )
    percent = reached(_known(connection, tenant, key).base_at(now))
    ramped = Ramped(key=key, before=before, percent=percent, version=version)
    _keep(connection, tenant, ramped, actor, now, origin=origin, back=True)
    return ramped


def _under_way(last: operations.OperationRun, version: int) -> bool:
    """True while the flag is as the last step up left it; a change by anybody else ends the ramp."""
    return not last.detail["back"] and last.detail["version"] == version


def _known(connection: Connection, tenant: TenantId, key: str) -> StoredFlag:
    flag = flags.get(connection, tenant, key)
    if flag is None:
        raise Refused("flag.unknown", f"Tenant {tenant} has no flag {key}; define it first, switched off.")
    return flag


def _go(connection: Connection, tenant: TenantId, now: datetime, settings: Settings) -> None:
    last = operations.latest(connection, tenant, OPERATION)
    hours = settings.launch.fresh_hours
    if last is None or not last.passed or now - last.finished_at > timedelta(hours=hours):
        why = "was never gone through" if last is None else (
            f"said {last.outcome} at {last.finished_at:%Y-%m-%d %H:%M} UTC"
        )  # fmt: skip
        raise Refused(
            "ramp.no_go",
            f"The launch checklist {why}; a step up takes a GO that is at most {hours:g} h old. Nothing was changed. "
            "Run `opsspine launch check`.",
        )


def _calm(connection: Connection, tenant: TenantId) -> None:
    burning = [
        one for one in incidents.list_live(connection)
        if one.tenant_id == tenant and not one.synthetic and one.severity >= Severity.HIGH
    ]  # fmt: skip
    if burning:
        raise Refused(
            "ramp.incident",
            f"An incident is open ({burning[0].title or burning[0].kind.value}, {str(burning[0].id)[:8]}): nothing "
            "reaches more users until it is over. Going back is allowed at once.",
        )


def _last(connection: Connection, tenant: TenantId, key: str) -> operations.OperationRun | None:
    return operations.latest(connection, tenant, RAMP, about={"key": key})


def _keep(
    connection: Connection, tenant: TenantId, ramped: Ramped, actor: str, now: datetime, *, origin: int, back: bool
) -> None:
    outcome = "taken back" if back else f"{ramped.percent} %"
    told = {"key": ramped.key, "before": ramped.before, "percent": ramped.percent, "version": ramped.version}
    run = operations.OperationRun(
        id=mint(), tenant_id=tenant, operation=RAMP, who=actor, started_at=now, finished_at=now, outcome=outcome,
        passed=True, detail={**told, "origin": origin, "back": back},
    )  # fmt: skip
    operations.keep(connection, run, told=told)
