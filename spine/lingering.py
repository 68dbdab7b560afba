"""Is whoever was cut off still there? Counted among events, for verification of incidents about a few users.

Of one user's incident there is no rate that could fall: one single use of the old session says that it goes on, and
none at all, while the tenant's events go on arriving, says that it ended.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from spine.event_type import EventType
from spine.plan import Lingering, VerifyCriteria
from spine.settings.respond import VerifySettings

T = EventType
ENDED_WITHIN = timedelta(seconds=60)
"""Old sessions and access tokens are dead by then. Source: RUNBOOKS 2.6."""
CALM = timedelta(minutes=30)
"""Nothing of them for so long. Source: RUNBOOKS 2.6."""
USES = (T.SESSION_USED.value, T.SESSION_REFRESHED.value, T.SESSION_CREATED.value, T.LOGIN_SUCCEEDED.value)
REFUSALS = (
    T.SESSION_REJECTED.value, T.SESSION_REFRESH_FAILED.value, T.ADMIN_LOGIN_FAILED.value, T.ADMIN_ACTION_DENIED.value,
)  # fmt: skip
STRONG = ("webauthn", "certificate")
"""Factors that cannot be phished."""
_NEW_START = (T.LOGIN_SUCCEEDED.value, T.SESSION_CREATED.value, T.ADMIN_LOGIN.value)
"""After it a user's sessions are new ones; one from an address of the evidence proves nothing."""


def ending(
    usual: VerifyCriteria, lingering: Lingering, settings: VerifySettings, *, within: timedelta = ENDED_WITHIN
) -> VerifyCriteria:
    """`usual`, but held against `lingering`: nothing of it `within` the effect, and for 30 minutes.

    Where the operator set a shorter hold than usual (a drill does), that one counts.
    """
    asked = VerifySettings()
    hold = CALM if settings.hold_minutes >= asked.hold_minutes else usual.hold
    grace = min(within, usual.deadline) if settings.settle_minutes < asked.settle_minutes else within
    return usual.model_copy(
        update={
            "max_failures_per_window": 0.0, "hold": hold, "deadline": grace,
            "lingering": lingering.model_copy(update={"grace": grace}),
        }
    )  # fmt: skip


def left(events: pd.DataFrame, lingering: Lingering, applied_at: datetime) -> pd.DataFrame:
    """The rows of `events` (columns of spine/decision/blast.py) that show that it goes on, from the grace on."""
    mine = _mine(events, lingering)
    late = mine[mine["type"].isin(lingering.types) & (mine["occurred_at"] >= applied_at + lingering.grace)]
    if late.empty:
        return late
    shown = _shown(events, lingering, applied_at)
    own = [
        any(proof <= at for proof in shown.get((user, ip), ()))
        for user, ip, at in zip(late["user_id"], late["ip"], late["occurred_at"], strict=True)
    ]
    return late[~pd.Series(own, index=late.index, dtype=bool)]


def refused(events: pd.DataFrame, lingering: Lingering) -> pd.DataFrame:
    """The rows that show that it is tried in vain."""
    mine = _mine(events, lingering)
    return mine[mine["type"].isin(REFUSALS)]


def _mine(events: pd.DataFrame, lingering: Lingering) -> pd.DataFrame:
    """Events of the cut-off sessions, or from where these were used; with neither known, all of the users."""
    rows = events[events["user_id"].isin(lingering.users)] if lingering.users else events
    if lingering.sessions or lingering.addresses:
        known = rows["session_id"].isin(lingering.sessions) if "session_id" in rows else False
        return rows[known | rows["ip"].isin(lingering.addresses)]
    return rows


def _shown(events: pd.DataFrame, lingering: Lingering, applied_at: datetime) -> dict[tuple[Any, Any], list[datetime]]:
    """When each user proved, from which address, that it is them; of sessions nobody could name, a new login does."""
    named = bool(lingering.sessions or lingering.addresses)
    proofs = events["type"].eq(T.MFA_SUCCEEDED.value) & events["attributes"].map(
        lambda said: not lingering.factors or (isinstance(said, Mapping) and said.get("factor") in lingering.factors)
    )
    if not named:
        proofs |= events["type"].isin(_NEW_START)
    rows = events[proofs.astype(bool) & (events["occurred_at"] >= applied_at) & events["ip"].notna()]
    found: dict[tuple[Any, Any], list[datetime]] = {}
    for user, ip, at in zip(rows["user_id"], rows["ip"], rows["occurred_at"], strict=True):
        found.setdefault((user, ip), []).append(at)
    return found
