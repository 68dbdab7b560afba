"""The environment of what the demo starts. The spine gets settings only: shorter times, prod policy."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.demo.option import Off
from deployments.port import free_port
from spine.ids import TenantId

TENANT = TenantId("corner-shop")
APPROVER_EMAIL = "noor@example.com"
LEASE_SECONDS = 75.0
VERIFY_WINDOW_SECONDS = 8.0
VERIFY_SETTLE_SECONDS = 20.0
VERIFY_HOLD_SECONDS = 24.0
_MAX_FAILURES_PER_WINDOW = 5
"""A tenth of what the attack makes in such a window. The default, 10 in 5 minutes, is 0.3 in a window of 8 seconds:
one mistyped password would count as an attack that goes on."""
_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "TERM", "SSL_CERT_FILE", "TZ")
"""All that is taken over from whoever runs the demo: their own settings of a spine must not play a part."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports for everything that listens."""

    gateway: int = field(default_factory=free_port)
    prefect: int = field(default_factory=free_port)
    slack: int = field(default_factory=free_port)
    shop: int = field(default_factory=free_port)


def clean_environment() -> dict[str, str]:
    """The machine's own variables and nothing of any other spine."""
    return {name: os.environ[name] for name in _ON if name in os.environ}


def spine_environment(folder: Path, ports: Ports, slack: Mapping[str, str], off: Off | None) -> dict[str, str]:
    """Settings of the demo's spine."""
    quick = {
        "OPSSPINE_DETECT__INTERVAL_SECONDS": "5",
        "OPSSPINE_POLICY__MIN_TTL_SECONDS": "30",
        "OPSSPINE_POLICY__TTL_SECONDS": json.dumps(dict.fromkeys(_LEASED, LEASE_SECONDS)),
        "OPSSPINE_VERIFY__WINDOW_MINUTES": str(VERIFY_WINDOW_SECONDS / 60),
        "OPSSPINE_VERIFY__MAX_FAILURES_FLOOR_PER_5M": str(_MAX_FAILURES_PER_WINDOW * 300 / VERIFY_WINDOW_SECONDS),
        "OPSSPINE_VERIFY__SETTLE_MINUTES": str(VERIFY_SETTLE_SECONDS / 60),
        "OPSSPINE_VERIFY__HOLD_MINUTES": str(VERIFY_HOLD_SECONDS / 60),
    }
    return {
        **clean_environment(),
        "OPSSPINE_ENV": "prod",
        "APP_NAME": "Corner Shop",
        "OPSSPINE_DATA_DIR": str(folder),
        "OPSSPINE_GATEWAY__PORT": str(ports.gateway),
        "OPSSPINE_PREFECT__PORT": str(ports.prefect),
        "OPSSPINE_NOTIFY__MODE": '["slack", "log"]',
        **slack,
        **quick,
        **_SWITCHED_OFF.get(off or "", {}),
    }


def shop_environment(folder: Path, ports: Ports, api_key: str, users: Path, off: Off | None) -> dict[str, str]:
    """Settings of the customer's application: where events go and flags come from."""
    gateway = f"http://127.0.0.1:{ports.gateway}"
    return {
        **clean_environment(),
        "SHOP_PORT": str(ports.shop),
        "SHOP_DATA_FILE": str(folder / "shop.sqlite"),
        "SHOP_USERS_FILE": str(users),
        "SHOP_EVENTS_URL": f"{gateway}/api/ops/events",
        "SHOP_EVENTS_KEY": api_key,
        "SHOP_FLAGS_URL": gateway,
        "SHOP_FLAGS_KEY": api_key,
        "SHOP_IGNORE_FLAGS": str(off == "throttle").lower(),
    }


_LEASED = ("rate_limit.strict", "captcha.require", "ip.throttle", "ip.block")
_NEVER = "1000000000"
_DETECT = "OPSSPINE_DETECT__"
_SWITCHED_OFF: dict[str, dict[str, str]] = {
    "detector": {
        f"{_DETECT}BUCKET__CAPACITY_FAILURES": _NEVER,
        f"{_DETECT}TENANT_RATIO__MIN_FAILURES": _NEVER,
        f"{_DETECT}STUFFING__MIN_FAILURES": _NEVER,
        f"{_DETECT}SPRAY__MIN_FAILURES": _NEVER,
        f"{_DETECT}SPRAY__DISTRIBUTED_MIN_FAILURES": _NEVER,
        f"{_DETECT}TARGETED_USER__MIN_FAILURES": _NEVER,
        f"{_DETECT}BRUTE_FORCE__MIN_FAILURES_15M": _NEVER,
        f"{_DETECT}BRUTE_FORCE__MIN_FAILURES_60M": _NEVER,
        **{f"{_DETECT}UNKNOWN_USERS__MIN_USERS_{window}": _NEVER for window in ("15M", "1H", "6H", "24H")},
    },
    "verification": {"OPSSPINE_VERIFY__SETTLE_MINUTES": "600", "OPSSPINE_VERIFY__HOLD_MINUTES": "600"},
}
"""Settings that switch a part off, for the demo that must fail. (The throttle is the application's own switch.)"""
