"""A case: one incident with everything its runbook may look at. Frozen, so that thinking about it is pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pandas as pd

from spine.action import SiteFacts
from spine.attribute import LOGINS
from spine.clock import aware
from spine.decision.blast import Pair, attempts, label, newcomers, others
from spine.diagnostic import Answer, State
from spine.family import Family, family_of
from spine.finding import Finding
from spine.incident import Incident
from spine.plan import Coverage

LOOK_BACK = timedelta(hours=1)
"""How much of the past is replayed against a proposed action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What the same hour of the week is like without an attack. None = under seven days of history."""

    failures_per_hour: float | None = None
    success_rate: float | None = None
    """Share of legitimate users' attempts that succeed (0..1)."""
    per_hour: Mapping[str, float] = field(default_factory=dict)
    """How many events an hour, by type, as far as the kind's family reads them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """An incident and its evidence at `now`."""

    incident: Incident
    findings: tuple[Finding, ...]
    now: datetime
    window_start: datetime
    logins: pd.DataFrame
    """The attempts of the kind's family (logins, resets …) since `window_start`, labelled (spine/decision/blast.py)."""
    suspects: frozenset[str]
    """Addresses the findings name; of logins without those of people who only mistyped."""
    readable: bool
    """False when the events, or who was known before, could not be read: nothing may be estimated."""
    watermark: datetime | None
    """How far the tenant's events reach; None = unknown."""
    usual: Usual
    along: pd.DataFrame
    """The family's other events since `window_start`, as they were read."""
    ways: Mapping[str, frozenset[str]] | None = None
    """By which providers each user got in within 30 days; None = it was not looked up."""
    seen: tuple[UUID, ...] = ()
    """The stored evidence that was read for it, by id."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """What the runbook's diagnostics found, by their key; one that was not asked is not there."""
    tried: frozenset[str] = frozenset()
    """Actions that were applied in this incident and turned out not to be enough."""
    site: SiteFacts | None = None
    """What the operator said about the installation; None = it was not looked up, and nothing of it may be guessed."""

    @classmethod
    def of(
        cls,
        incident: Incident,
        findings: Collection[Finding],
        *,
        now: datetime,
        logins: pd.DataFrame | None,
        known_users: Collection[str] | None,
        known_addresses: Collection[str] | None,
        watermark: datetime | None,
        residents: Collection[Pair] = (),
        usual: Usual | None = None,
        ways: Mapping[str, frozenset[str]] | None = None,
        seen: Collection[UUID] = (),
        answers: Collection[Answer] = (),
        tried: Collection[str] = (),
        site: SiteFacts | None = None,
    ) -> "Case":
        """A case from what was read.

        Args:
            logins: the tenant's events of the kind's family since one hour before `now` (columns of
                spine/decision/blast.py); None = they could not be read.
            known_users: users of those events with a success in the 30 days before the incident; None =
                they could not be looked up.
            known_addresses: addresses of those events where people lived before it (spine/detect/trust.py); same.
            residents: addresses of those events, each with a user who got in from it before it.
        """
        now = aware(now)
        start = now - LOOK_BACK
        readable = logins is not None and known_users is not None and known_addresses is not None
        ordered = tuple(sorted(findings, key=lambda f: (f.window_end, f.detector, f.subject, str(f.id))))
        family = family_of(incident.kind)
        frame = attempts(logins if readable else None, since=start, until=now, family=family)
        suspects = {a for f in ordered for a in f.addresses}
        if family is family_of(LOGINS):
            suspects -= newcomers(frame)
        labelled = label(
            frame,
            attack_start=incident.first_event_at,
            suspects=suspects,
            known_users=known_users or (),
            known_addresses=known_addresses or (),
            residents=residents,
            family=family,
        )
        return cls(
            incident=incident,
            findings=ordered,
            now=now,
            window_start=start,
            logins=labelled,
            suspects=frozenset(suspects),
            readable=readable,
            watermark=watermark,
            usual=usual or Usual(),
            along=others(logins if readable else None, since=start, until=now, family=family),
            ways=ways,
            seen=tuple(sorted(seen)),
            answers={answer.key: answer for answer in answers},
            tried=frozenset(tried),
            site=site,
        )

    @property
    def family(self) -> Family:
        """The events it is made of."""
        return family_of(self.incident.kind)

    def state(self, diagnostic: str, check: str = "") -> State:
        """What a diagnostic, or one of its checks, makes of the world; UNKNOWN when it was not asked."""
        answer = self.answers.get(diagnostic)
        if answer is None:
            return State.UNKNOWN
        if not check:
            return answer.state
        states = [one.state for one in answer.checks if one.name == check or one.name.startswith(f"{check}:")]
        return next((s for s in (State.BAD, State.UNKNOWN) if s in states), State.OK if states else State.UNKNOWN)

    @property
    def firing(self) -> tuple[Finding, ...]:
        """The findings that are over their line; the others only support."""
        return tuple(f for f in self.findings if f.margin >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confounder:
    """Something harmless that would look the same, and how much it weighs (0..1)."""

    name: str
    weight: float
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a runbook makes of a case."""

    attack_class: str
    summary: str
    confirmation: float
    """How far the events themselves bear the findings out (0..1)."""
    confirmed_by: str
    addresses: tuple[str, ...] = ()
    """Attacking addresses, worst first, none of them known good."""
    compromised_users: tuple[str, ...] = ()
    """Users who logged in from an attacking address after its attack began."""
    confounders: tuple[Confounder, ...] = ()
    missing: tuple[str, ...] = ()
    """What could not be known, in words."""
    unsuppressible: bool = False
    """True when a suppression window must not hold the response back."""
    cause_confirmed: bool = False
    """True when a pre-authorised containment may run."""
    beyond: str = ""
    """Why no action of the ladder can help, so that people must ("" = one may)."""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One rung of a runbook's ladder, before policy and guards have seen it."""

    action_key: str
    params: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    coverage: Coverage | None = None
    ttl: timedelta | None = None
    """None = the action's default."""
    after: tuple[str, ...] = ()
    """Actions of the same plan that must have been applied before."""
    verify: str = ""
