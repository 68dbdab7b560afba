"""Real servers for the launch checklist: those of the diagnostics' tests, and an application to launch."""

import asyncio
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from spine.clock import SystemClock
from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from tasks.launch import Ports, launch_checks

ACME = TenantId("acme")
SECRET_KEY = Fernet.generate_key().decode()


def _load(file: Path) -> Any:
    """pytest's importlib mode makes `tests` no package."""
    spec = spec_from_file_location(f"operations_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_servers = _load(Path(__file__).parents[1] / "diagnostics" / "conftest.py")
zone, ca, ca_file, probe, https = _servers.zone, _servers.ca, _servers.ca_file, _servers.probe, _servers.https
certificate = _servers.certificate


@pytest.fixture
def sealed(tmp_path: Path) -> Settings:
    """Settings with the key that `found` opens secrets with."""
    return Settings(data_dir=tmp_path, secret_key=SECRET_KEY)


@pytest.fixture
def shop(https: Callable[..., int]) -> Any:
    """An application to launch, listening (tests/operations/shop.py); `fault` breaks one thing."""
    made = _load(Path(__file__).with_name("shop.py")).Shop()
    made.at(https(made.app, "shop.test"))
    return made


@pytest.fixture
def found(
    probe: Callable[..., Any], database: Database, tmp_path: Path
) -> Callable[..., tuple[str, dict[str, tuple[str, str]]]]:
    """Asks one item: its mark, and each check's state and reason by name. Settings as given."""

    def look(key: str, *, hosts: list[str] = [], probing: Any = None, **fields: Any) -> Any:  # noqa: B006
        settings = Settings(
            probe=probe(hosts=hosts, **(probing or {})), data_dir=tmp_path, secret_key=SECRET_KEY, **fields
        )
        check = launch_checks()[key]
        ports = Ports.of(settings, SystemClock(), database, ACME)
        answer = asyncio.run(check.run(ports))
        return answer.state.value, {one.name: (one.state.value, one.because) for one in answer.checks}

    return look
