"""token.ttl_set: let links of resets or verifications live longer, so that late mail is of use."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from spine.action import ActionParams, ActionSpec, Ttl
from spine.flag.hold import Scalar
from spine.plan import Risk
from spine.precondition import links_too_short
from tasks.flag_mitigation import FlagMitigation

LONGEST_RESET = 60
"""Minutes. Source: RUNBOOKS 1."""


class Params(ActionParams):
    """Which links, and how long."""

    token: Literal["reset", "verification"] = "reset"  # noqa: S105 - a name, no secret
    link_minutes: int = Field(default=60, ge=15, le=1440)
    """Of resets at most an hour."""

    @model_validator(mode="after")
    def _resets_stay_short(self) -> "Params":
        if self.token == "reset" and self.link_minutes > LONGEST_RESET:  # noqa: S105
            raise ValueError(f"a reset link lives at most {LONGEST_RESET} minutes")
        return self


def _metadata(params: Params) -> dict[str, Scalar]:
    """By token: the metadata of a flag are for everybody who reads it."""
    return {f"{params.token}Minutes": params.link_minutes}


def _scope(params: Params) -> dict[str, str]:
    return {"token": params.token}


SPEC = ActionSpec(
    key="token.ttl_set",
    title="Let links live longer",
    params=Params,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=240), default=timedelta(minutes=240)),
    flag_key="auth.token.ttlOverride",
    guards=(links_too_short,),
)
MITIGATION = FlagMitigation(SPEC, _metadata, _scope)
