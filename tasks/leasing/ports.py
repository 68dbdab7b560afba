"""What the life of a lease needs of the outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from spine.clock import Clock, SystemClock
from spine.errors import Refused
from spine.settings import Settings
from tasks.leasing.webhook import Announcer, Webhook
from tasks.mitigation import Mitigation
from tasks.mitigations import actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Settings, time, the known mitigations and the second effect."""

    settings: Settings
    clock: Clock
    actions: Mapping[str, Mitigation]
    webhook: Announcer | None
    """None = flags are the only effect."""

    def action(self, key: str) -> Mitigation:
        """The mitigation named `key`.

        Raises:
            Refused: this installation does not know it.
        """
        found = self.actions.get(key)
        if found is None:
            raise Refused("lease.action", f"There is no action {key!r}; known are {', '.join(sorted(self.actions))}")
        return found


def ports_of(settings: Settings, *, clock: Clock | None = None) -> Ports:
    """The ports of an installation. In `dev` nothing outside our own store is ever touched."""
    configured = settings.env != "dev" and settings.webhook.url is not None
    return Ports(
        settings=settings,
        clock=clock or SystemClock(),
        actions=actions(),
        # receivers check a message's age by their own clocks, so even a drill's clock does not date it
        webhook=Webhook(settings.webhook, SystemClock()) if configured else None,
    )
