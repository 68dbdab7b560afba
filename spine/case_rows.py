"""Small cases of any kind, row by row: for the examples of runbooks, for drills on paper, and for tests."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from spine.action import SiteFacts
from spine.case import Case, Usual
from spine.case_example import NOW, TENANT
from spine.decision.blast import COLUMNS, DETAILS
from spine.detect.subject import is_everybody
from spine.diagnostic import Answer
from spine.event_type import EventType
from spine.finding import Finding
from spine.ids import NO_TENANT
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.severity import Severity

BEGAN = timedelta(minutes=15)
"""How long the incident has been going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """`n` events of one type, evenly from `since` to `until` minutes before now, of user k mod `users`."""

    type: EventType
    n: int = 1
    since: float = 14
    until: float = 0.5
    users: int = 1
    first_user: int = 0
    ip: str | None = "192.0.2.1"
    provider: str | None = None
    resource_tenant_id: str | None = None
    session_id: str | None = None
    user_agent: str | None = None
    country: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def made(self, now: datetime, place: int) -> list[dict[str, Any]]:
        """The events as the store would give them."""
        step = (self.since - self.until) / max(self.n, 1)
        return [
            {
                "id": f"r{place}-{k}",
                "type": self.type.value,
                "occurred_at": now - timedelta(minutes=self.since - step * k),
                "user_id": f"u{self.first_user + k % self.users}",
                "ip": self.ip,
                "country": self.country,
                "user_agent": self.user_agent,
                "provider": self.provider,
                "resource_tenant_id": self.resource_tenant_id,
                "session_id": self.session_id,
                "kid": self.attributes.get("kid"),
                "service": self.attributes.get("service"),
                "attributes": dict(self.attributes),
            }
            for k in range(self.n)
        ]


def case_of(
    kind: IncidentKind,
    *rows: Rows,
    detectors: Sequence[str] = ("example",),
    n: int | None = None,
    margin: float = 4,
    severity: Severity = Severity.HIGH,
    subject: str = "tenant",
    observed: Mapping[str, float] | None = None,
    suspects: Collection[str] = (),
    known_users: Collection[str] | None = None,
    known_addresses: Collection[str] = (),
    usual: Usual | None = None,
    ways: Mapping[str, frozenset[str]] | None = None,
    answers: Collection[Answer] = (),
    tried: Collection[str] = (),
    site: SiteFacts | None = None,
    now: datetime = NOW,
) -> Case:
    """A case of `kind` with these events; every user counts as known unless `known_users` says who is.

    Args:
        n: sample of the findings; None = all events that are given.
        suspects: addresses the findings name.
    """
    made = [row for place, one in enumerate(rows) for row in one.made(now, place)]
    frame = pd.DataFrame(made, columns=[*COLUMNS, *DETAILS])
    tenant = NO_TENANT if is_everybody(subject) else TENANT
    findings = [
        Finding(
            tenant_id=tenant, kind=kind, detector=name, subject=subject, window_start=now - BEGAN, window_end=now,
            n=len(made) if n is None else n, observed=dict(observed or {"failures": float(len(made))}),
            threshold={"failures": 10.0}, margin=margin, severity=severity if margin >= 1 else Severity.INFO,
            first_event_at=now - BEGAN, last_event_at=now, addresses=tuple(sorted(suspects)),
        )
        for name in detectors
    ]  # fmt: skip
    about = Incident(
        id=incident_id(tenant, kind, f"{subject}/1"), tenant_id=tenant, kind=kind, subject=subject,
        status=IncidentStatus.OPEN, severity=severity, title=kind.value, first_event_at=now - BEGAN, opened_at=now,
        last_finding_at=now,
    )  # fmt: skip
    everybody = {str(user) for user in frame["user_id"].dropna()}
    return Case.of(
        about, findings, now=now, logins=frame,
        known_users=everybody if known_users is None else known_users, known_addresses=known_addresses,
        watermark=now, usual=usual or Usual(failures_per_hour=2, success_rate=0.97), ways=ways, answers=answers,
        tried=tried, site=site,
    )  # fmt: skip
