"""alert_to_page: a critical incident of this tenant would call somebody, and calling has worked lately."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from spine.diagnostic import Answer, Check, State
from spine.ids import IncidentId, mint
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.launch import Item
from spine.oncall.policy import Policy, chosen
from spine.person import EVERY_TENANT
from spine.severity import Severity
from store import operations, policies
from tasks.calling import reachable
from tasks.launch import LaunchCheck, Ports, fresh

_LAST = text("""
    select max(o.sent_at) as at from outbox o
    where o.topic = 'page' and o.status = 'sent' and o.tenant_id = :t""")


@dataclass(frozen=True, slots=True)
class _Path:
    """From an alert to a person, as it stands now."""

    policy: str | None
    first: tuple[str, ...]
    """Whom the first step reaches."""
    problems: tuple[str, ...]
    paged_at: datetime | None
    """When a page last got through."""
    rehearsed_at: datetime | None
    """When the calling of people was last rehearsed."""


async def run(ports: Ports) -> Answer:
    """Resolve the policy for a critical incident as it would be, and look when a page got through last."""
    path = await ports.read(lambda connection: _path(connection, ports))
    checks = [_called(path)]
    last = max((at for at in (path.paged_at, path.rehearsed_at) if at), default=None)
    checks.append(
        fresh(
            "proof",
            "a delivered page, or a passed rehearsal of one,",
            last,
            ports.clock.now(),
            ports.settings.launch.page_days,
            "run `opsspine runbooks drill incident_escalation`",
        )
    )
    return Answer(CHECK.item.key, tuple(checks), (ports.receipt("policy and pages", path),))


def _called(path: _Path) -> Check:
    if path.policy is None:
        because = "no policy pages for a critical incident: nobody is called; run `opsspine oncall policies standard`"
        return Check("policy", State.BAD, because)
    if not path.first:
        because = (
            f"the first step of {path.policy} reaches nobody ({'; '.join(path.problems)}); see `opsspine oncall now`"
        )
        return Check("policy", State.BAD, because)
    told = f"{path.policy} calls {len(path.first)} people first"
    return Check("policy", State.OK, told, {"policy": path.policy, "people": len(path.first)})


def _path(connection: Connection, ports: Ports) -> _Path:
    incident = _imagined(ports)
    known: dict[tuple[bool, str], Policy] = {
        (one.tenant_id != EVERY_TENANT, one.name): one.policy for one in policies.every(connection, ports.tenant)
    }
    name = chosen(known, incident)
    paged: Any = connection.execute(_LAST, {"t": ports.tenant}).scalar_one()
    drilled = operations.latest(connection, ports.tenant, "incident_escalation", drill=True, passed=True)
    when = drilled.finished_at if drilled else None
    if name is None:
        return _Path(None, (), (), paged, when)
    policy = known.get((True, name)) or known[False, name]
    found = reachable(connection, ports.settings, ports.tenant, policy.steps[0], ports.clock.now())
    return _Path(name, tuple(sorted(one for one, lacks in found if not lacks)), tuple(
        f"{one}: {lacks}" for one, lacks in found if lacks
    ), paged, when)  # fmt: skip


def _imagined(ports: Ports) -> Incident:
    now = ports.clock.now()
    return Incident(
        id=IncidentId(mint()), tenant_id=ports.tenant, kind=IncidentKind.FAILED_LOGINS_SPIKE, subject="tenant",
        status=IncidentStatus.OPEN, severity=Severity.CRITICAL, title="", first_event_at=now, opened_at=now,
        last_finding_at=now,
    )  # fmt: skip


CHECK = LaunchCheck(
    item=Item(key="alert_to_page", title="An alert calls a person"),
    run=run,
    looks_at="Which policy a critical incident gets and whom its first step reaches now; a page that got through, or a "
    "rehearsal of one, within 30 days.",
)
