"""Small cases built from a few words: for the examples of runbooks, for drills on paper, and for tests."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from spine.case import Case, Usual
from spine.decision.blast import COLUMNS
from spine.event import EventType
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.severity import Severity

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TENANT = TenantId("t1")
ATTACK = timedelta(minutes=15)
"""How long the attack has been going on."""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """People, or an attacker, who try to log in: user k from address k mod `addresses`, evenly over time."""

    addresses: int
    users: int
    tries: int
    """Attempts per user."""
    hostile: bool = False
    """Unknown before, and failing; else known before."""
    fails: bool = False
    """Known before, and failing all the same."""
    network: str = "203.0.113"
    first_user: int = 0
    let_in: int = 0
    """The last attempts of so many users succeed, however hostile."""
    agent: str | None = BROWSER
    fate: EventType | None = None
    """What becomes of every attempt; None = it fails or succeeds as the rest says."""

    @property
    def named(self) -> tuple[str, ...]:
        """Its addresses."""
        return tuple(f"{self.network}.{i + 1}" for i in range(self.addresses))

    @property
    def people(self) -> tuple[str, ...]:
        """Its users."""
        return tuple(f"u{self.first_user + i}" for i in range(self.users))

    def rows(self, now: datetime) -> list[dict[str, object]]:
        """One row per attempt."""
        total = self.users * self.tries
        people, named = self.people, self.named
        span = ATTACK if self.hostile else timedelta(minutes=55)
        return [
            {
                "id": f"{self.network}-{self.first_user}-{k}",
                "type": self._type(k).value,
                "occurred_at": now - span + span * (k + 1) / (total + 1),
                "user_id": people[k % self.users],
                "ip": named[k % self.users % self.addresses],
                "country": None,
                "user_agent": self.agent,
            }
            for k in range(total)
        ]

    def _type(self, attempt: int) -> EventType:
        if self.fate is not None:
            return self.fate
        let_in = attempt >= self.users * self.tries - self.let_in
        failed = (self.hostile or self.fails) and not let_in
        return EventType.LOGIN_FAILED if failed else EventType.LOGIN_SUCCEEDED


def logins(*crowds: Crowd, now: datetime = NOW) -> pd.DataFrame:
    """The login events of these crowds, as the store would give them."""
    return pd.DataFrame([row for c in crowds for row in c.rows(now)], columns=list(COLUMNS))


def incident(
    *, severity: Severity = Severity.HIGH, status: IncidentStatus = IncidentStatus.OPEN, now: datetime = NOW
) -> Incident:
    """An incident of failed logins that began with the hostile crowds."""
    return Incident(
        id=incident_id(TENANT, IncidentKind.FAILED_LOGINS_SPIKE, "tenant/1"),
        tenant_id=TENANT,
        kind=IncidentKind.FAILED_LOGINS_SPIKE,
        subject="tenant",
        status=status,
        severity=severity,
        title="Failed logins spike",
        first_event_at=now - ATTACK,
        opened_at=now,
        last_finding_at=now,
    )


def findings(
    addresses: Collection[str], users: Collection[str], n: int, *, margin: float = 4, now: datetime = NOW
) -> list[Finding]:
    """What three detectors would report of them."""
    names = ("spray_distributed", "unknown_users", "tenant_ratio")
    return [
        Finding(
            tenant_id=TENANT,
            kind=IncidentKind.FAILED_LOGINS_SPIKE,
            detector=name,
            window_start=now - ATTACK,
            window_end=now,
            n=n,
            observed={"failures": float(n), "users": float(len(users))},
            threshold={"failures": n / margin, "users": len(users) / margin},
            margin=margin,
            severity=Severity.MEDIUM if margin >= 1 else Severity.INFO,
            first_event_at=now - ATTACK,
            addresses=tuple(sorted(addresses)),
            users=tuple(sorted(users)),
        )
        for name in names
    ]


def case(
    *crowds: Crowd,
    severity: Severity = Severity.HIGH,
    margin: float = 4,
    known: bool | None = True,
    tried: Collection[str] = (),
    about: Incident | None = None,
    now: datetime = NOW,
) -> Case:
    """A case of these crowds. `known=None`: who was known before could not be looked up."""
    suspects = [c for c in crowds if c.hostile or c.fails]
    friends = [c for c in crowds if not c.hostile]
    addresses = {a for c in crowds if c.hostile for a in c.named}  # detectors name no address with a good past
    users = {u for c in suspects for u in c.people}
    n = sum(c.users * c.tries for c in suspects)
    return Case.of(
        about or incident(severity=severity, now=now),
        findings(addresses, users, n, margin=margin, now=now),
        now=now,
        logins=logins(*crowds, now=now),
        known_users=None if known is None else {u for c in friends for u in c.people},
        known_addresses=None if known is None else {a for c in friends for a in c.named},
        watermark=now,
        usual=Usual(failures_per_hour=12, success_rate=0.97),
        tried=tried,
    )
