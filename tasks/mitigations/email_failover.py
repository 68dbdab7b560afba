"""email.failover: send mail by the second provider."""

from datetime import timedelta
from typing import Literal

from spine.action import ActionParams, ActionSpec, Ttl
from spine.plan import Risk
from spine.precondition import secondary_ready
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """Which mail."""

    stream: Literal["all", "reset", "verification"] = "all"


def _scope(params: Params) -> dict[str, str]:
    return {} if params.stream == "all" else {"stream": params.stream}


SPEC = ActionSpec(
    key="email.failover",
    title="Send mail by the second provider",
    params=Params,
    risk=Risk.MEDIUM,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=1440), default=timedelta(minutes=240)),
    flag_key="auth.email.provider",
    variant="secondary",
    guards=(secondary_ready,),
)
MITIGATION = FlagMitigation(SPEC, scope=_scope)
