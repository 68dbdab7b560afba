"""Logs of our own processes: one JSON object a line, redacted."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict

from spine import trace
from spine.redact import redact

Reporter = Callable[[dict[str, Any], BaseException | None], None]
"""Takes a line of an error, and what was raised, if anything was."""
_reporters: list[Reporter] = []


def on_error(reporter: Reporter) -> None:
    """From now on every line of an error goes to `reporter`, too."""
    _reporters.append(reporter)


def configure(process: str, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's logs to stdout as redacted JSON lines, marked `process`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _reported,
        structlog.processors.format_exc_info,
        _traced,
        _redacted,
        structlog.processors.TimeStamper(fmt="iso", utc=True),  # ours, as the next: nothing to hide in them
        lambda _logger, _name, event: {"process": process, **event},
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in ("uvicorn.access", "httpx", "slack_bolt", "slack_sdk"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _reported(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Errors go elsewhere as well, where that is set; with what was raised, before it becomes text."""
    ours = event.get("_from_structlog", True)  # of libraries the reporter hears by itself
    if _reporters and ours and event.get("level") in ("error", "critical"):
        raised = event.get("exc_info")
        if raised is True or isinstance(raised, tuple):
            raised = sys.exc_info()[1] if raised is True else raised[1]
        for reporter in _reporters:
            reporter(dict(event), raised if isinstance(raised, BaseException) else None)
    return event


def _traced(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """The trace a line belongs to, where traces are recorded."""
    if found := trace.trace_id():
        event.setdefault("trace_id", found)
    return event


def _redacted(_logger: Any, _name: str, event: EventDict) -> EventDict:
    kept = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
    safe = redact(dict(event))
    assert isinstance(safe, dict)
    return {**safe, **kept}
