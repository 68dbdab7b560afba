"""user.stepup_require: ask for a further factor, of some users, of administrators or of everybody."""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime

from spine.action import ActionParams, ActionSpec, Names, Ttl
from spine.flag.hold import Scalar
from spine.plan import Risk
from spine.precondition import factors_from_before
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """Of whom, and which factors count."""

    whom: Literal["everybody", "admins"] = "everybody"
    """admins = only where the context's `role` is "admin"; targets narrow it to users."""
    factors_before: AwareDatetime | None = None
    """Only factors enrolled before this count; no later than the incident."""


def _metadata(params: Params) -> dict[str, Scalar]:
    return {} if params.factors_before is None else {"factorsBefore": int(params.factors_before.timestamp())}


def _scope(params: Params) -> dict[str, str]:
    return {"role": "admin"} if params.whom == "admins" else {}


SPEC = ActionSpec(
    key="user.stepup_require",
    title="Ask for a further factor that was enrolled before the incident",
    params=Params,
    risk=Risk.MEDIUM,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=1440), default=timedelta(minutes=240)),
    max_targets=100,
    targets_optional=True,
    names=Names(of="userId", noun="users"),
    flag_key="auth.stepUp.required",
    guards=(factors_from_before,),
)
MITIGATION = FlagMitigation(SPEC, _metadata, _scope)
