"""email.retry_queue: have the application send waiting mails again, slowly, each user's newest live link only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec
from spine.identity import LookUp
from spine.identity_guard import links_alive, webhook_ready
from spine.lease import Lease
from spine.plan import Risk
from tasks.identity.request import ask, tell
from tasks.mitigation import Observation, Performed, World

_TYPE = "email.retry_queue"


class Params(ActionParams):
    """Which mails, and how fast."""

    token: Literal["reset", "verification"] = "reset"  # noqa: S105 - a kind of link
    """Mails with links of this kind."""
    newer_than_minutes: float = Field(default=15, gt=0, le=1440)
    """Only mails this young; older links may have ended."""
    most: int = Field(default=10_000, gt=0, le=10_000)
    """At most so many mails."""
    per_second: float = Field(default=5, ge=1, le=50)
    """No more mails a second than this."""


SPEC = ActionSpec(
    key=_TYPE,
    title="Have the application send waiting mails again",
    params=Params,
    risk=Risk.MEDIUM,
    reversible=False,
    ttl=None,
    guards=(webhook_ready, links_alive),
    look_ups=frozenset({LookUp.PROVIDER}),
    external=True,
)


@dataclass(frozen=True, slots=True)
class QueueRetry:
    """A signed request, done once by its id, and the question afterwards how far it came."""

    spec: ActionSpec[Params] = SPEC

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """The queue is the application's."""
        return {}

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Nothing of ours."""

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """What was sent was sent."""

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Nothing of ours."""
        return Observation(in_force=True)

    def foresee(self, world: World, lease: Lease) -> dict[str, Any]:
        """From when on mails are young enough: fixed now, so that a repetition means the same mails."""
        return {"since": world.clock.now().isoformat()}

    def perform(self, world: World, lease: Lease) -> Performed:
        """Ask for it; the application does it once for each id, however often it is asked."""
        image = (lease.pre_image or {})["outside"]
        data = {**lease.params, "before": image["since"], "newest_per_user": True, "live_links_only": True}
        return Performed(receipt=tell(world, lease, _TYPE, data))

    def observe(self, world: World, lease: Lease) -> Observation:
        """`{"known": true, "sent", "waiting"}`: it knows of the request."""
        said = ask(world, lease, _TYPE)
        counts = {name: said[name] for name in ("sent", "waiting", "failed") if isinstance(said.get(name), int)}
        return Observation(in_force=said.get("known") is True, detail={"known": said.get("known") is True, **counts})

    def withdraw(self, world: World, lease: Lease) -> Observation:
        """Nothing comes back."""
        return Observation(in_force=False)


MITIGATION = QueueRetry()
