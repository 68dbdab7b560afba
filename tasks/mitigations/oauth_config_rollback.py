"""oauth.config_rollback: go back to the known good configuration of a provider."""

from datetime import timedelta

from pydantic import Field

from spine.action import ActionParams, ActionSpec, Ttl
from spine.flag.hold import Scalar
from spine.plan import Risk
from spine.precondition import known_good_version
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """Of which provider, and to which version."""

    provider: str = Field(default="", max_length=100)
    version: str = Field(default="", max_length=100)
    """As the operator configured it to be known good."""


def _metadata(params: Params) -> dict[str, Scalar]:
    """By provider: the metadata of a flag are for everybody who reads it."""
    return {f"version.{params.provider}": params.version}


def _scope(params: Params) -> dict[str, str]:
    return {"provider": params.provider}


SPEC = ActionSpec(
    key="oauth.config_rollback",
    title="Go back to the known good configuration of a provider",
    params=Params,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=1440), default=timedelta(minutes=240)),
    flag_key="auth.oauth.configRollback",
    guards=(known_good_version,),
)
MITIGATION = FlagMitigation(SPEC, _metadata, _scope)
