"""Traces: what led to what, across requests, rows and runs. A port; where no tracer is installed it costs nothing.

The tracer is installed by the process (blocks/telemetry.py), and only where OTEL_EXPORTER_OTLP_ENDPOINT is set.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Value = str | int | float | bool


class Span(Protocol):
    """One piece of work, while it is done."""

    def rename(self, name: str) -> None:
        """Call it otherwise: a route is known only once it has answered."""
        ...

    def note(self, **attributes: Value) -> None:
        """Add what is worth knowing about it. No secrets, no personal data."""
        ...

    def failed(self, because: str) -> None:
        """It did not work."""
        ...


class Tracer(Protocol):
    """What makes spans."""

    def span(
        self, name: str, kind: Kind, parent: str | None, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]:
        """A span around a block; `parent` is a W3C traceparent, None = what this code runs in."""
        ...

    def traceparent(self) -> str | None:
        """Where this code runs in, as W3C traceparent, for others to follow; None = it is not recorded."""
        ...


class _Nothing:
    """A span nobody looks at."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def note(self, **attributes: Value) -> None:
        """Nothing."""

    def failed(self, because: str) -> None:
        """Nothing."""


_NOTHING = nullcontext(_Nothing())
_installed: list[Tracer] = []


def install(tracer: Tracer | None) -> None:
    """From now on this process traces with `tracer`; None = no longer."""
    _installed[:] = [tracer] if tracer is not None else []


def on() -> bool:
    """True when somebody records."""
    return bool(_installed)


def span(
    name: str, kind: Kind = "internal", *, parent: str | None = None, **attributes: Value
) -> AbstractContextManager[Span]:
    """A span around a block, if somebody records."""
    return _installed[0].span(name, kind, parent, attributes) if _installed else _NOTHING


def untraced() -> AbstractContextManager[Span]:
    """A span nobody looks at."""
    return _NOTHING


def traceparent() -> str | None:
    """What a row or a run carries so that what it causes belongs to this trace; None = nobody records."""
    return _installed[0].traceparent() if _installed else None


def trace_id() -> str | None:
    """The id of the trace this code runs in, for log lines; None = nobody records."""
    parent = traceparent()
    return parent.split("-")[1] if parent else None
