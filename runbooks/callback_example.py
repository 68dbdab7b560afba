"""Cases of callbacks that fail, for the examples of their runbook."""

from spine.case import Case
from spine.case_rows import Rows, case_of
from spine.decision.rules import site_facts
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.settings.respond import PolicySettings


def mismatch() -> Case:
    """Thirty of forty callbacks name a redirect URI that is not registered; a version is known to be good."""
    said = {"oauth_error": "redirect_uri_mismatch", "error_class": "configuration", "http_status": 400}
    return case_of(
        IncidentKind.OAUTH_CALLBACK_ERRORS,
        Rows(type=EventType.OAUTH_CALLBACK_ERROR, n=30, users=30, provider="google", attributes=said),
        Rows(type=EventType.OAUTH_CALLBACK_OK, n=10, users=10, first_user=30, provider="google"),
        Rows(type=EventType.LOGIN_SUCCEEDED, n=90, users=60, first_user=100, since=55, provider="password"),
        subject="provider:google", site=site_facts(PolicySettings(oauth_known_good={"google": "v41"}), ()), ways={},
    )  # fmt: skip


def outage() -> Case:
    """The provider answers 503, and everybody has a password, too."""
    return case_of(
        IncidentKind.OAUTH_CALLBACK_ERRORS,
        Rows(
            type=EventType.OAUTH_CALLBACK_ERROR, n=60, users=30, provider="google",
            attributes={"http_status": 503, "stage": "exchange"},
        ),
        Rows(type=EventType.LOGIN_SUCCEEDED, n=90, users=60, first_user=100, since=55, provider="password"),
        subject="everywhere/provider:google", ways={f"u{k}": frozenset({"google", "password"}) for k in range(200)},
    )  # fmt: skip


def bypass() -> Case:
    """One of many sign-ins came back with another state than was sent, and was let in."""
    return case_of(
        IncidentKind.OAUTH_CALLBACK_ERRORS,
        Rows(type=EventType.OAUTH_CALLBACK_OK, n=1, users=1, provider="google", attributes={"state_ok": False}),
        Rows(type=EventType.OAUTH_CALLBACK_OK, n=60, users=60, first_user=40, since=55, provider="google"),
        Rows(type=EventType.LOGIN_SUCCEEDED, n=90, users=60, first_user=100, since=55, provider="password"),
        ways={f"u{k}": frozenset({"google", "password"}) for k in range(200)},
    )  # fmt: skip


def refused(error: str) -> Case:
    """Forty times it was the user, or a silent attempt that had to ask."""
    return case_of(
        IncidentKind.OAUTH_CALLBACK_ERRORS,
        Rows(
            type=EventType.OAUTH_CALLBACK_ERROR, n=40, users=40, provider="google", attributes={"oauth_error": error}
        ),
        Rows(type=EventType.OAUTH_CALLBACK_OK, n=60, users=60, first_user=40, since=55, provider="google"),
        subject="provider:google", ways={},
    )  # fmt: skip
