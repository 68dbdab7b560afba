"""Doubles and a message to tell."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from spine.message import Message, Section
from spine.notification import Topic
from spine.severity import Severity

INCIDENT = "0e8f0b5e-93a3-5c1b-9c1e-0d7b0b1c2d3e"
_MESSAGE = Message(
    id=UUID(int=7), tenant="acme", topic=Topic.INCIDENT_OPENED, severity=Severity.CRITICAL,
    at=datetime(2026, 3, 1, 12, tzinfo=UTC), title="App: Incident opened: FAILED_LOGINS_SPIKE (acme)",
    headline="[critical] FAILED_LOGINS_SPIKE acme since 2026-03-01 11:58:00 UTC. Impact 412 events.",
    sections=(Section("Evidence", ("Addresses: 192.0.2.1", "naïve <b>\r\nX-Injected: 1")),),
    data={"incident": INCIDENT, "type": "FAILED_LOGINS_SPIKE", "severity": 3, "since": "2026-03-01T11:58:00+00:00"},
)  # fmt: skip


@pytest.fixture
def news() -> Callable[..., Message]:
    """The message, with something changed."""

    def make(topic: Topic = Topic.INCIDENT_OPENED, **changes: Any) -> Message:
        data = {**_MESSAGE.data, **changes.pop("data", {})}
        return replace(_MESSAGE, topic=topic, data=data, **changes)

    return make


@pytest.fixture
def doubles() -> Iterator[Any]:
    """tests/notifiers/double.py; what is opened through it is closed."""
    spec = spec_from_file_location("double", Path(__file__).with_name("double.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    opened: list[Any] = []

    class Doubles:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            def start(*arguments: Any) -> Any:
                opened.append(getattr(module, name)(*arguments))
                return opened[-1]

            return start

    yield Doubles()
    for double in opened:
        double.close()
