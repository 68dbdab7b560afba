"""Traces and reports of errors of one process: on where an address for them is set, else not even imported."""

from collections.abc import Callable

from deployments.log import on_error
from spine.settings import Settings

_flushes: list[Callable[[], None]] = []


def observe(process: str, settings: Settings) -> None:
    """Begin. Starts threads: call it after a fork, never before."""
    if settings.otlp_endpoint is not None:
        from blocks import telemetry  # a third of a second that nobody pays who wants no traces

        telemetry.install(process, settings)
        _flushes.append(telemetry.flush)
    if settings.sentry_dsn is not None:
        from blocks import report

        report.install(process, settings)
        on_error(report.error)
        _flushes.append(report.flush)


def finish() -> None:
    """Send what is recorded, in a process that ends without ceremony."""
    for flush in _flushes:
        flush()
