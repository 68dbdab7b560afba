"""Doubles of identity providers on real ports, and a ledger that acts on one of them."""

import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from spine.settings import Settings, WebhookSettings
from spine.settings.identity import IdentityProviderSettings, IdentitySettings
from tasks.leasing import ports_of


def _load(name: str) -> Any:
    if name not in sys.modules:
        spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


_load("identity_double")
DOUBLES = {
    "keycloak": _load("keycloak_double").KeycloakDouble,
    "auth0": _load("auth0_double").Auth0Double,
    "okta": _load("okta_double").OktaDouble,
    "webhook": _load("webhook_double").WebhookDouble,
}
VENDORS = sorted(DOUBLES)


@pytest.fixture
def start() -> Iterator[Callable[[str], Any]]:
    """Starts the double of a vendor."""
    running = []

    def begin(vendor: str) -> Any:
        running.append(DOUBLES[vendor]())
        return running[-1]

    yield begin
    for double in running:
        double.close()


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest, start: Callable[[str], Any]) -> Any:
    """Each vendor in turn."""
    return start(request.param)


@pytest.fixture
def at(ledger: Any) -> Callable[..., Any]:
    """Makes the ledger act on a double, on the ledger's clock, with five users."""

    def point(double: Any, **identity: Any) -> Any:
        double.now = ledger.clock.now
        for name in ("ada", "bob", "cem", "dan", "eve"):
            double.add(name)
        for name in ("root", "ruth", "rosa"):
            double.add(name, "admin")
        webhook = None
        if double.kind == "webhook":
            webhook = WebhookSettings(url=f"{double.url}/hook", secret=double.settings()["secret"])
        ledger.settings = Settings(
            env="prod",
            identity=IdentitySettings(
                providers={"main": IdentityProviderSettings(**double.settings())},
                **{"break_glass_users": [], "round_seconds": 10, **identity},
            ),
        )
        ledger.ports = ports_of(ledger.settings, clock=ledger.clock)
        ledger.application = webhook
        return ledger

    return point
