"""What people say an incident was, once they know: ranking learns from it (ml/), nothing else reads it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from spine.errors import Refused
from spine.ids import IncidentId


class Outcome(StrEnum):
    """Whether there was anything to do about it."""

    REAL = "real"
    FALSE_ALARM = "false_alarm"
    """Nothing had happened."""
    BENIGN = "benign"
    """Something had happened, and it was harmless: a deploy, a load test, a trip."""


CAUSES: dict[str, str] = {
    "guessing": "Passwords guessed at one user or from one address",
    "stuffing": "Stolen passwords tried at many users",
    "spray": "A few passwords tried at many users, slowly",
    "takeover": "An account was taken over",
    "session_theft": "Sessions stolen, replayed or made in masses",
    "mail_abuse": "Mails asked for in masses",
    "mail_outage": "The mail service failed",
    "provider_outage": "A login provider failed in part",
    "misconfiguration": "A wrong setting, ours or a provider's",
    "key_rotation": "Keys were rotated and not everybody knew",
    "forged_tokens": "Forged tokens were tried",
    "isolation_bug": "A bug let tenants see each other",
    "probing": "Somebody tried other tenants' objects",
    "deploy": "A deploy of ours",
    "retry_storm": "A client that retried without end",
    "surge": "More people than usual, for a good reason",
    "shared_network": "Many people behind one address: an office, a carrier",
    "travel": "A trip, a VPN or another device",
    "test": "A load test, a pentest or maintenance",
    "other": "Something else",
}
"""Likely causes, real and benign: one list, so that what people say and what a model suggests can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The latest word on what an incident was."""

    incident_id: IncidentId
    outcome: Outcome
    cause: str
    """A key of CAUSES, "" = not said."""
    said_by: str
    said_at: datetime


def checked_cause(cause: str | None) -> str:
    """`cause` if it is a key of CAUSES; "" for none.

    Raises:
        Refused: there is no such cause.
    """
    if cause and cause not in CAUSES:
        raise Refused("outcome.cause", f"There is no cause {cause[:40]!r}. There are {', '.join(CAUSES)}.")
    return cause or ""
