"""Which minutes of a replay need a tick: those in which something can open, and some in which something live can grow.

What lives takes up what belongs to it at the next full five minutes: that changes what is known of it at the end, by
nothing in most cases, and never when another one opens.
"""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from spine.detect.episode import Cause
from spine.detect.subject import TENANT
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings.detect import DetectSettings
from store.unknown_now import Usual
from tasks.faultiness import Faultiness
from tasks.grid import MINUTE
from tasks.rarity import rare_minutes
from tasks.stillness import Stillness

GROWTH = 5
"""Minutes between two looks at what only grows."""


class Watch:
    """Made once from all events of a replay; asked once a minute, in order."""

    def __init__(self, events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int) -> None:
        self.start, self.minutes, self.looked = start, minutes, 0
        self.rare = rare_minutes(events, settings, start, minutes)
        self.faults = Faultiness(events, settings, start, minutes)
        self.logins = Stillness(events, settings, start, minutes)
        self.growing = False

    def learn(self, usual: Mapping[str, Usual]) -> None:
        """Take the baselines of an hour."""
        self.logins.learn(usual)

    def due(self, now: datetime, ends: Mapping[Cause, datetime]) -> bool:
        """True when the tick at `now` may not be left out. `ends`: when each live incident could be over."""
        minute = round((now - self.start) / MINUTE)
        found = self._opens(minute, now, ends)
        if not found and self.growing:
            found = minute % GROWTH == 0 or minute == self.minutes or self._ending(now, ends)
        if found:
            self.looked, self.growing = minute, False
        return found

    def _opens(self, minute: int, now: datetime, ends: Mapping[Cause, datetime]) -> bool:
        """True when something may open, or the baselines of an hour begin; notes what may grow."""
        live = {cause for cause, end in ends.items() if now < end}
        if self.rare[minute] or now.minute == 0:
            return True
        for own, everybody in self.faults.due(minute):
            if own not in live and everybody not in live:
                return True
            self.growing = True
        for tenant in self.logins.due(minute):
            if _logins_of(tenant) not in live:
                return True
            self.growing = True
        self.growing = self.growing or any(
            self.logins.grows(cause.tenant_id, self.looked, minute)
            for cause in live
            if cause.kind is IncidentKind.FAILED_LOGINS_SPIKE
        )
        return False

    def _ending(self, now: datetime, ends: Mapping[Cause, datetime]) -> bool:
        """True when something could be over before it is known to have grown."""
        return any(now < end <= now + (GROWTH + 1) * MINUTE for end in ends.values())


def _logins_of(tenant: TenantId) -> Cause:
    return Cause(tenant, IncidentKind.FAILED_LOGINS_SPIKE, TENANT)
