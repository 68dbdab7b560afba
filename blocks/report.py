"""Reports of errors to Sentry, and only where SENTRY_DSN is set: no secret, no local variable, no body leaves."""

from importlib.metadata import version
from typing import Any

import sentry_sdk
import structlog
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from spine.redact import redact
from spine.settings import Settings

_KEPT = ("event_id", "timestamp", "platform", "level", "sdk", "release", "environment", "type")
"""What the protocol needs as it is, and no text of ours is in."""
_FLUSH_SECONDS = 3


def install(process: str, settings: Settings) -> None:
    """Report errors of this process, if a DSN is set. Starts a thread: call it after every fork."""
    if settings.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(), release=f"opsspine@{version('opsspine')}",
        environment=settings.env, server_name=process, sample_rate=settings.observe.error_sample,
        send_default_pii=False, include_local_variables=False, max_request_body_size="never", max_breadcrumbs=20,
        auto_enabling_integrations=False, integrations=[LoggingIntegration(event_level=40)],
        before_send=clean, before_breadcrumb=_crumb,
    )  # fmt: skip
    sentry_sdk.set_tag("process", process)


def error(told: dict[str, Any], raised: BaseException | None) -> None:
    """Report one error line of our own log, with what was raised, if anything was."""
    if not sentry_sdk.is_initialized():
        return
    with sentry_sdk.new_scope() as scope:
        scope.set_context("line", {key: value for key, value in told.items() if not key.startswith("_")})
        if raised is not None:
            scope.capture_exception(raised)
        else:
            scope.capture_message(str(told.get("event", "error")), level="error")


def flush() -> None:
    """Send what waits, before a process ends without ceremony."""
    if sentry_sdk.is_initialized():
        sentry_sdk.flush(_FLUSH_SECONDS)


def clean(event: Event, hint: Hint) -> Event | None:
    """The event without secrets, with the ids it belongs to; None = our own log reports it better."""
    record = hint.get("log_record")
    if record is not None and isinstance(record.msg, dict):
        return None
    if record is not None:  # a message apart from its values hides no secret: "Bearer %s", and a bare value
        event = {**event, "logentry": {"message": record.getMessage()}}
    bound = structlog.contextvars.get_contextvars()
    known = {name: str(bound[name]) for name in ("request_id", "incident_id", "run_id") if bound.get(name)}
    tags = {**dict(event.get("tags") or {}), **known}
    safe = redact({**event, "tags": tags})
    assert isinstance(safe, dict)
    kept: dict[str, Any] = {name: event[name] for name in _KEPT if name in event}  # type: ignore[literal-required]
    return {**safe, **kept}  # type: ignore[return-value]


def _crumb(crumb: dict[str, Any], _hint: Hint) -> dict[str, Any]:
    safe = redact(crumb)
    assert isinstance(safe, dict)
    return safe
