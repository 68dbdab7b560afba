"""The flag beside a revocation: access tokens outlive their sessions, so the application must refuse them itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.flag import Hold
from spine.flag.hold import Scalar
from spine.lease import Lease
from spine.reach import Reach
from store import flag_holds, incident_rows
from tasks.flag_mitigation import FlagMitigation, P
from tasks.mitigation import World

NOT_BEFORE = "auth.session.notBefore"


@dataclass(frozen=True, slots=True)
class NotBefore(FlagMitigation[P]):
    """Holds the flag until the last access token of the sessions that end has ended, and lets it lapse."""

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Put the hold; a second time changes nothing."""
        image = (lease.pre_image or {})["outside"]
        since = datetime.fromisoformat(image["since"])
        wanted = Hold(
            lease_id=lease.id,
            key=NOT_BEFORE,
            variant="on",
            condition=self._condition(self.spec.parse(lease.params), lease.targets),
            metadata={"notBefore": int(since.timestamp())},
            created_at=now,
            expires_at=datetime.fromisoformat(image["hold_until"]),
        )
        everybody = Reach.of(incident_rows.get(connection, lease.incident_id)).tenant is None
        flag_holds.hold(
            connection, lease.tenant_id, wanted,
            actor=actor, incident=lease.incident_id, at=now, everybody=everybody,
        )  # fmt: skip

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """It lapses by itself: taken off earlier it would let revoked tokens in again."""


def until(world: World, since: datetime) -> str:
    """When the last access token of before `since` has ended."""
    return (since + _lifetime(world)).isoformat()


def hold_on(world: World, lease: Lease, *, ended: bool) -> None:
    """Prolong the hold, counted from now: what has not ended by now makes access tokens until now.

    `ended`: sessions were seen ended now, or may have ended, so tokens of until now are those to refuse.
    """
    now = world.clock.now()
    more: dict[str, Scalar] = {"notBefore": int(now.timestamp())} if ended else {}
    with world.database.system() as connection:
        flag_holds.renew(
            connection, lease.id, now + _lifetime(world), more, actor="engine", incident=lease.incident_id, at=now
        )  # fmt: skip


def _lifetime(world: World) -> timedelta:
    return timedelta(minutes=world.settings.identity.access_token_minutes)
