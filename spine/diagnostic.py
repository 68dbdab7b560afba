"""Diagnostics: questions a runbook asks of the world, and what came back. Pure; tasks/diagnostics does the asking.

What could not be looked at is UNKNOWN, and that is never "healthy". Source: RUNBOOKS 0 (missing data is not zero).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from spine.clock import aware
from spine.ids import TenantId
from spine.incident import IncidentKind

Value = str | int | float | bool | None | tuple[str, ...]
"""What a check may have seen: plain, and ready for JSON."""


class State(StrEnum):
    """What a check makes of what it saw."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be seen. Not good, not bad."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Stable, for instance "issuer"."""
    state: State
    because: str
    """One sentence; of a bad or unknown one it says what to do next."""
    observed: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """That something was asked, and a hash of what came back. Holds no token and no URL that could carry one."""

    asked: str
    at: datetime
    sha256: str
    """Of the bytes that came back."""
    size: int
    """How many bytes these were."""

    @classmethod
    def of(cls, asked: str, at: datetime, content: bytes) -> "Receipt":
        """The receipt of `content`."""
        return cls(asked=asked, at=aware(at), sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a diagnosis wants to know of one tenant, at `now`."""

    tenant_id: TenantId
    now: datetime
    since: datetime
    """Events from here to `now` are looked at."""
    attack_start: datetime | None = None
    """When the incident's first event was; None = none is known."""
    addresses: frozenset[str] = frozenset()
    """Addresses the evidence names."""
    providers: frozenset[str] = frozenset()
    """Identity providers to ask, as the settings name them; none = all of them."""
    rejected_kids: frozenset[str] = frozenset()
    """Key ids of tokens that verifiers refused."""
    cached_kids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Key ids each verifier said it has, by the verifier's name."""
    redirect_uris: frozenset[str] = frozenset()
    """Redirect URIs the application was seen to send."""
    redirect_hashes: frozenset[str] = frozenset()
    """SHA-256 (hex) of such URIs, where events bear no more (`redirect_hash`)."""

    def __post_init__(self) -> None:
        """Refuses a window that cannot be."""
        aware(self.attack_start or self.now)
        if aware(self.since) > aware(self.now):
            raise ValueError(f"a question about {self.since} to {self.now} is about no time; since comes first")


@dataclass(frozen=True, slots=True)
class Answer:
    """All checks of one diagnostic, and the receipts they rest on."""

    key: str
    checks: tuple[Check, ...]
    receipts: tuple[Receipt, ...] = ()

    @property
    def state(self) -> State:
        """BAD when anything is; else UNKNOWN when anything is, or nothing was looked at; else OK."""
        states = {check.state for check in self.checks}
        if State.BAD in states:
            return State.BAD
        return State.OK if states == {State.OK} else State.UNKNOWN

    @property
    def missing(self) -> tuple[str, ...]:
        """What could not be seen, in words, as a plan lists its missing evidence."""
        return tuple(f"{c.name}: {c.because}" for c in self.checks if c.state is State.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticSpec:
    """The declaration of a diagnostic."""

    key: str
    """Stable, and the name of its file."""
    title: str
    serves: tuple[IncidentKind, ...]
    """The kinds of incident whose runbook asks it. Source: RUNBOOKS 2, the Diagnose lines."""


def pseudonym(identifier: str) -> str:
    """A stable stand-in for an identifier in a receipt or an observed value: 16 hex digits of its SHA-256."""
    return hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:16]
