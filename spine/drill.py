"""Drills: a rehearsal of one runbook, declared beside it. Pure: what is played, and what must come of it.

Its evidence goes through the real ingest, marked as synthetic; its windows are looked at by the drill's own clock;
its actions run on shadows, which nobody's application reads. The same seed plays the same evidence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from spine.clock import aware
from spine.diagnostic import Answer
from spine.event_type import EventType
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.plan import Gate, Verb
from spine.settings import PolicySettings, Settings
from spine.settings.probe import OidcSettings
from spine.severity import Severity
from spine.verdict import Outcome

RawEvent = dict[str, Any]
"""An event as `POST /api/ops/events` takes it, without id, tenant and marks of a drill: those are put on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where and when a drill is played."""

    tenant: TenantId
    seed: int
    end: datetime
    """The drill clock's last tick, aware, UTC: no event of the script is later."""

    def __post_init__(self) -> None:
        """Refuses a time whose zone would be a guess."""
        aware(self.end)

    def random(self) -> Random:
        """A fresh generator: what a script draws depends on the seed alone."""
        return Random(self.seed)  # noqa: S311 - evidence to be played again, no secret

    def ago(self, **span: float) -> datetime:
        """So long before the end, in the words of `timedelta`: `ago(days=3, minutes=5)`."""
        return self.end - timedelta(**span)


Script = Callable[[Stage], list[RawEvent]]
"""All evidence of a drill: the past its detectors and its case need (45 days at most), and what goes wrong."""
Traffic = Callable[[Stage, datetime, datetime, bool], list[RawEvent]]
"""(stage, since, until, mitigated): what goes on, after the script, in since < occurred_at <= until. Asked about once
a second until the drill ends. `mitigated` is true once every step that may run is in force."""


def silence(_stage: Stage, _since: datetime, _until: datetime, _mitigated: bool) -> list[RawEvent]:
    """Nothing goes on."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of a drill that opens an incident."""

    severity: Severity
    steps: Mapping[str, Gate]
    """Every step of the plan by its action's key, with its gate: no more, no less, in any order."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    """Every flag that is held, with its value."""
    verb: Verb = Verb.MITIGATE
    denied: frozenset[str] = frozenset()
    """Actions that were wanted and must have been refused by a guard or by policy (others may be, too)."""
    spared: frozenset[str] = frozenset()
    """Addresses, users … that no step may touch; an address counts as touched by a network that holds it."""
    verdict: Outcome | None = Outcome.FIXED
    """None = nothing is in force that could be verified."""
    also: frozenset[IncidentKind] = frozenset()
    """Other kinds of incident that the same evidence opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One rehearsal of the runbook in whose module of `runbooks/drills` it stands."""

    name: str
    """Unique among the drills of its kind: lower case, words joined by "_"."""
    title: str
    """What is played, in one line, for whoever is asked to approve."""
    script: Script
    expected: Expected | None
    """None = a negative drill: it looks like trouble and is none, so nothing may open."""
    traffic: Traffic = silence
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """What diagnostics say, by their keys; one that is not here says UNKNOWN. A drill asks nobody outside."""
    site: Mapping[str, Any] = field(default_factory=dict)
    """Fields of PolicySettings under which it is played (captcha_provider …); the rest are the defaults."""
    issuers: Mapping[str, str] = field(default_factory=dict)
    """Issuers that count as configured (`OPSSPINE_PROBE__OIDC`), by the provider's name; nobody asks them."""
    refuses: frozenset[str] = frozenset()
    """Actions that stay unapproved when the drill decides by itself: it says no to any question that holds one."""
    replay_minutes: int = 60
    """So many minutes before the end the drill's clock ticks, once a minute; what is earlier is history."""

    @property
    def negative(self) -> bool:
        """True when nothing may open."""
        return self.expected is None


def happened(kind: EventType, at: datetime, **fields: Any) -> RawEvent:
    """One event. Names that are no event's own (spine/event.py) become its attributes."""
    return {"type": kind.value, "occurred_at": aware(at).isoformat(), **fields}


def spread(n: int, since: datetime, until: datetime) -> list[datetime]:
    """`n` moments, evenly, since < moment <= until; [] for none or for no time."""
    return [since + (until - since) * (k + 1) / n for k in range(n)] if until > since else []


def drill_settings(settings: Settings, drill: Drill) -> Settings:
    """The settings an incident of `drill` is answered under, the same everywhere.

    Detection stays the installation's own: a threshold nothing can reach is what a drill should find. The matrix is
    that of production, the site as the drill says, and verification takes seconds.
    """
    return settings.model_copy(
        update={
            "env": "prod",
            "decision": type(settings.decision)(),
            "policy": PolicySettings(**drill.site),
            "probe": settings.probe.model_copy(
                update={"oidc": {name: OidcSettings(issuer=issuer) for name, issuer in drill.issuers.items()}}
            ),
            "verify": settings.drill.verify,
        }
    )
