"""admin.freeze: refuse privileged changes; emergency accounts are exempt."""

from datetime import timedelta

import pandas as pd

from spine.action import ActionSpec, NoParams, Ttl
from spine.plan import Risk
from tasks.flag_mitigation import FlagMitigation


def _stops(_params: NoParams, _targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    """Emergency accounts cannot be told apart here: their changes count as stopped, so as not to promise too much."""
    return attempts["type"].isin(("admin_action", "admin_action_denied"))


SPEC = ActionSpec(
    key="admin.freeze",
    title="Freeze privileged changes",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=120), default=timedelta(minutes=30)),
    stops=_stops,
    flag_key="admin.privilegedWrites.disabled",
    hit_cap=1,
    containment=True,
)
MITIGATION = FlagMitigation(SPEC, exempt="breakGlass")
