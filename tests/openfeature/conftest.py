"""A gateway with flags of every type, and the real OpenFeature clients beside it."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from gateway.app import create_app
from spine.clock import SystemClock
from spine.ids import TenantId
from spine.settings import FlagSettings, Settings
from store import flags
from store.engine import Database
from store.keys import add_key

HERE = Path(__file__).parent
ROLLOUT = {"fractional": [["new", 25], ["old", 75]]}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "shop.open": {"variants": {"on": True, "off": False}, "defaultVariant": "on"},
    "shop.greeting": {
        "variants": {"plain": "Hello", "kind": "Willkommen — 你好"}, "defaultVariant": "plain",
        "targeting": {"if": [{"in": ["@example.org", {"var": "email"}]}, "kind"]},
    },
    "shop.limit": {"variants": {"low": 5, "high": 500}, "defaultVariant": "low"},
    "shop.share": {"variants": {"half": 0.5, "third": 0.33}, "defaultVariant": "third"},
    "shop.theme": {"variants": {"dark": {"ink": "#fff", "sizes": [1, 2.5], "deep": {"a": True}}},
                   "defaultVariant": "dark"},
    "shop.checkout": {"variants": {"new": "new", "old": "old"}, "defaultVariant": "old", "targeting": ROLLOUT},
}  # fmt: skip


class Shop:
    """A tenant whose applications read flags; the clock is the machine's."""

    def __init__(self, database: Database, serve: Callable[[Any], str], origins: list[str]) -> None:
        self.database, self.tenant, self.clock = database, TenantId("shop"), SystemClock()
        settings = Settings(env="prod", flag=FlagSettings(browser_origins=origins, key_check_seconds=0.5))
        self.settings = settings
        with database.system() as connection:
            _, self.key = add_key(connection, self.tenant, "app", ["flags:read"], now=self.clock.now())
        for key, definition in DEFINITIONS.items():
            self.put(key, definition)
        self.url = serve(create_app(settings, database))

    def put(self, key: str, definition: dict[str, Any]) -> None:
        """Make `definition` the base of `key`."""
        with self.database.tenant(self.tenant) as connection:
            known = flags.get(connection, self.tenant, key)
            flags.put(
                connection, self.tenant, key, definition, expected_version=known.version if known else 0,
                actor="person:ann@example.org", reason="conformance", at=self.clock.now(),
            )  # fmt: skip

    def switch(self, key: str, variant: str) -> None:
        """Give everybody `variant`."""
        self.put(key, {"variants": DEFINITIONS[key]["variants"], "defaultVariant": variant})


@pytest.fixture
def page_url(serve: Callable[[Any], str]) -> Callable[[Path], str]:
    """Serves a folder from an origin of its own."""

    def start(folder: Path) -> str:
        app = Starlette()
        app.mount("/", StaticFiles(directory=folder))
        return serve(app)

    return start


@pytest.fixture
def shop_for(database: Database, serve: Callable[[Any], str]) -> Callable[[list[str]], Shop]:
    """A shop whose pages come from these origins."""
    return lambda origins: Shop(database, serve, origins)


@pytest.fixture
def shop(shop_for: Callable[[list[str]], Shop]) -> Shop:
    return shop_for([])


@pytest.fixture(scope="session")
def packages() -> Path:
    """The npm packages, installed once for a lock file into the machine's temporary folder."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("the clients for Node and the web need node and npm")
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"opsspine-openfeature-{os.getuid()}-{lock}"
    if (folder / "installed").is_file():
        return folder
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm ci did not end within three minutes")
    if done.returncode:
        pytest.skip(f"npm ci could not install the clients: {done.stderr.strip().splitlines()[-1:]}")
    (folder / "installed").touch()
    return folder


@pytest.fixture(scope="session")
def expected() -> list[dict[str, Any]]:
    """What every client must read: type, key, what it gives otherwise, and what comes out."""
    return [
        {"type": "boolean", "key": "shop.open", "otherwise": False, "value": True, "variant": "on"},
        {"type": "string", "key": "shop.greeting", "otherwise": "", "value": "Hello", "variant": "plain"},
        {"type": "number", "key": "shop.limit", "otherwise": 0, "value": 5, "variant": "low"},
        {"type": "number", "key": "shop.share", "otherwise": 0.0, "value": 0.33, "variant": "third"},
        {
            "type": "object", "key": "shop.theme", "otherwise": {}, "variant": "dark",
            "value": {"ink": "#fff", "sizes": [1, 2.5], "deep": {"a": True}},
        },
    ]  # fmt: skip


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Buckets of gradual rollouts, as they have been from the first release."""
    found: dict[str, Any] = json.loads((HERE.parent / "flags" / "golden_rollout.json").read_text(encoding="utf-8"))
    return found
