"""Actions of these tests, of every risk, and a way to decide with them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from runbooks import catalogue
from spine.action import ActionSpec, Networks, NoParams, Ttl
from spine.case import Case
from spine.decision.engine import decide
from spine.decision.rules import FlagState, Rules
from spine.guard import legitimate_hit, not_allowlisted
from spine.incident import IncidentKind
from spine.network import contains
from spine.plan import Decision, Risk
from spine.settings import Settings
from tasks.mitigations import actions

Decide = Callable[..., Decision]


@pytest.fixture(scope="session")
def specs() -> dict[str, ActionSpec[Any]]:
    """The registry."""
    return {key: mitigation.spec for key, mitigation in actions().items()}


@pytest.fixture(scope="session")
def everything_blocked() -> ActionSpec[NoParams]:
    """An action that would stop every login, good or bad."""
    return ActionSpec(
        key="ip.throttle",
        title="Stop everybody",
        params=NoParams,
        risk=Risk.MEDIUM,
        reversible=True,
        ttl=Ttl(min=timedelta(minutes=5), max=timedelta(hours=1), default=timedelta(minutes=30)),
        stops=lambda _params, _targets, logins: contains(("0.0.0.0/0",), logins["ip"]),
        max_targets=50,
        networks=Networks(),
        guards=(not_allowlisted, legitimate_hit(0.01)),
    )


@pytest.fixture(scope="session")
def decided(specs: dict[str, ActionSpec[Any]]) -> Decide:
    """decide(case, settings={...}, flags={...}, **other actions)."""

    def call(
        case: Case,
        *,
        flags: Mapping[str, FlagState] | None = None,
        actions: Mapping[str, ActionSpec[Any]] | None = None,
        tenants: int | None = 1,
        **settings: Any,
    ) -> Decision:
        book = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]
        rules = Rules.of(Settings(**{"env": "prod", **settings}), tenants=tenants)
        return decide(
            case, book.diagnose(case), book, specs if actions is None else actions, rules=rules, flags=flags or {}
        )

    return call
