"""Everything the demo's checks look at: the spine's records, its flags over OFREP, and what clients experienced."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import RowMapping

from deployments.demo.records import Records
from deployments.demo.stage import HopelessError
from deployments.demo.traffic.login import Answer
from deployments.demo.traffic.population import Population
from deployments.demo.traffic.tally import Tally

_GATED = "ip.throttle"
_GIVEN_UP = ("escalated", "rolling_back")


class Flags:
    """The flags as any client of the tenant sees them, over OFREP."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=5)

    def evaluate(self, key: str, ip: str) -> dict[str, Any]:
        """The whole answer for `key` and a client at `ip`."""
        context = {"context": {"targetingKey": ip, "ip": ip}}
        answer = self._client.post(f"/ofrep/v1/evaluate/flags/{key}", json=context)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


@dataclass(slots=True)
class Marks:
    """Moments worth remembering, on the monotonic clock, and what was true then."""

    attack: float = 0.0
    throttled: float = 0.0
    flag_before: dict[str, Any] = field(default_factory=dict)
    bases_before: dict[str, tuple[int, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    """What the stages share."""

    records: Records
    flags: Flags
    population: Population
    prompts: Callable[[UUID], int]
    """How many messages with a decision to take the (fake) Slack shows for an approval."""
    attacker: Tally = field(default_factory=Tally)
    customers: Tally = field(default_factory=Tally)
    office: Tally = field(default_factory=Tally)
    marks: Marks = field(default_factory=Marks)

    def incident(self) -> RowMapping | None:
        """The demo's incident; refuses to go on once the spine has given it up."""
        found = self.records.incident()
        if found is not None and found["status"] in _GIVEN_UP:
            last = self.records.timeline(found["id"])[-1]["summary"]
            raise HopelessError(f"the incident is {found['status']}: {last}")
        return found

    def gated_lease(self) -> RowMapping | None:
        """The throttle, which needed the approval."""
        incident = self.incident()
        approval = self.records.approval(incident["id"]) if incident else None
        if incident is None or approval is None:
            return None
        leases = self.records.leases(incident["id"])
        return next((le for le in leases if le["action_key"] == _GATED and le["step"] in approval["steps"]), None)

    def guesses_per_second(self, since: float, until: float | None = None) -> float:
        """Passwords of the leaked list that were really checked, as the attacker counts."""
        until = time.monotonic() if until is None else until
        counts = self.attacker.between(since, until)
        return (counts[Answer.WRONG] + counts[Answer.WELCOME]) / max(until - since, 0.001)

    def wall(self, mark: float) -> datetime:
        """The UTC time of a moment on the monotonic clock."""
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - mark)

    def traffic(self) -> str:
        """One line about the traffic of the last seconds."""
        seconds = 4.0
        tried = self.attacker.between(time.monotonic() - seconds).total() / seconds
        stopped = tried - self.guesses_per_second(time.monotonic() - seconds)
        people = self.customers.between() + self.office.between()
        got_in = f"{people[Answer.WELCOME]} of {people.total()} people got in"
        if not tried:
            return f"no attack · {got_in}"
        return f"attack {tried:.1f}/s, {max(stopped, 0.0) / tried:.0%} stopped · {got_in}"
