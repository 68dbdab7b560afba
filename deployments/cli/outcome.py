"""How a command ends: its exit code, and an error in its own words."""

import os
import traceback
from enum import IntEnum

import httpx
import psycopg
from pydantic import ValidationError

from spine.errors import OpsSpineError, Refused, Transient
from spine.redact import redact_text
from spine.settings import Settings


class ExitCode(IntEnum):
    """What scripts may rely on."""

    DONE = 0
    NO = 1
    USAGE = 2
    LATER = 3
    BROKEN = 4


MEANING = {
    ExitCode.DONE: "Done, or well.",
    ExitCode.NO: "The answer is no: a rule refused it, or what was looked at is not well. Nothing was done by halves.",
    ExitCode.USAGE: "The command, an option or a setting was not understood. Nothing was done.",
    ExitCode.LATER: "Something it needs does not answer now. The same command may work later.",
    ExitCode.BROKEN: "A promise of ours does not hold. Trying again will not help; somebody has to look.",
}


class Told:
    """An error as it is told."""

    def __init__(self, error: Exception) -> None:
        self.code, self.message, self.exit = _meaning(error)
        self.trace = "".join(traceback.format_exception(error)) if os.environ.get("OPSSPINE_TRACEBACK") else ""


def _meaning(error: Exception) -> tuple[str, str, ExitCode]:
    """Its stable code, what happened with what it means and what to do, and how to exit."""
    if isinstance(error, OpsSpineError):
        return _ours(error)
    if isinstance(error, ValidationError) and error.title == Settings.__name__:
        return "settings", _settings(error), ExitCode.USAGE
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        why = redact_text(str(cause)).strip().splitlines() or [type(cause).__name__]
        said = f"The database does not answer: {why[0][:200]}. Nothing was changed. "
        said += "See `opsspine status`, then try again."
        return "database.down", said, ExitCode.LATER
    if isinstance(error, httpx.HTTPError):
        said = f"Nobody answers there: {redact_text(str(error))[:200]}. See `opsspine status`, then try again."
        return "network", said, ExitCode.LATER
    return "unforeseen", _unforeseen(error), ExitCode.BROKEN


def _ours(error: OpsSpineError) -> tuple[str, str, ExitCode]:
    if isinstance(error, Refused):
        return error.code, str(error), ExitCode.NO
    return ("transient", str(error), ExitCode.LATER) if isinstance(error, Transient) else (
        "broken", str(error), ExitCode.BROKEN
    )  # fmt: skip


def _unforeseen(error: Exception) -> str:
    return (
        f"{type(error).__name__}: {redact_text(str(error))[:500]}. This is a fault of ours; what was under way "
        "in a transaction was not done. Set OPSSPINE_TRACEBACK=1 to see where it happened, and report it."
    )


def _settings(error: ValidationError) -> str:
    parts = []
    for one in error.errors(include_url=False, include_input=False):
        where = "__".join(str(part) for part in one["loc"]).upper()
        parts.append(f"{where}: {one['msg']}")
    return (
        f"A setting is not valid, so nothing was done: {'; '.join(parts)}. Settings are environment variables, "
        "OPSSPINE_ before the name; docs/reference/settings.md lists them."
    )
