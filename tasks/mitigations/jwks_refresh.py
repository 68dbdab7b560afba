"""jwks.refresh: let every verifier read an issuer's key set again, once."""

from datetime import timedelta

from pydantic import Field

from spine.action import ActionParams, ActionSpec, Names, Ttl
from spine.flag.hold import Scalar
from spine.plan import Risk
from spine.precondition import issuer_known
from tasks.flag_mitigation import FlagMitigation

APART = 300
"""Seconds between two refreshes. Source: RUNBOOKS 1."""


class Params(ActionParams):
    """Which refresh this is."""

    epoch: int = Field(default=0, ge=0, multiple_of=APART)
    """Unix time, cut to five minutes. A verifier refreshes once for each epoch, so never more often than that."""


def _metadata(params: Params) -> dict[str, Scalar]:
    return {"epoch": params.epoch}


SPEC = ActionSpec(
    key="jwks.refresh",
    title="Let verifiers read the issuer's key set again",
    params=Params,
    risk=Risk.LOW,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=60), default=timedelta(minutes=10)),
    max_targets=5,
    names=Names(of="iss", noun="issuers"),
    flag_key="auth.jwt.jwksRefresh",
    guards=(issuer_known,),
)
MITIGATION = FlagMitigation(SPEC, _metadata)
