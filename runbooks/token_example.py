"""Small cases of refused and of wrongly accepted tokens: for the examples of the runbook, and for tests."""

from runbooks.token import ACCEPTED_BY
from spine.case import Case
from spine.case_rows import Rows, case_of
from spine.decision.rules import site_facts
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.settings.respond import PolicySettings
from spine.severity import Severity

ISSUER = "https://id.example.com"


def rotated() -> Case:
    """The issuer signs with K2, verifiers hold K1 only."""
    said = {"reject_reason": "unknown_kid", "kid": "K2", "iss": ISSUER, "service": "api"}
    return case_of(
        IncidentKind.JWT_VALIDATION_ERRORS,
        Rows(type=EventType.JWT_VALIDATION_ERROR, n=60, users=40, attributes=said),
        Rows(type=EventType.JWT_ACCEPTED, n=90, users=40, since=55, attributes={"kid": "K1", "service": "api"}),
        Rows(type=EventType.SIGNING_KEY_ROTATED, attributes={"kid": "K2", "iss": ISSUER}),
        site=site_facts(PolicySettings(), (ISSUER,)),
    )


def dropped() -> Case:
    """The issuer dropped K1 while its tokens live."""
    said = {"reject_reason": "unknown_kid", "kid": "K1", "iss": ISSUER, "service": "api"}
    return case_of(
        IncidentKind.JWT_VALIDATION_ERRORS,
        Rows(type=EventType.JWT_VALIDATION_ERROR, n=60, users=40, attributes=said),
        Rows(type=EventType.JWT_ACCEPTED, n=90, users=40, since=55, attributes={"kid": "K2", "service": "api"}),
        site=site_facts(PolicySettings(former_kids=["K1"]), (ISSUER,)),
    )


def no_algorithm() -> Case:
    """One token without a signature was accepted."""
    return case_of(
        IncidentKind.JWT_VALIDATION_ERRORS,
        Rows(type=EventType.JWT_ACCEPTED, attributes={"alg": "none", "alg_allowed": False, "service": "billing"}),
        Rows(type=EventType.JWT_ACCEPTED, n=90, users=40, since=55, attributes={"kid": "K1", "service": "billing"}),
        detectors=(ACCEPTED_BY,), n=1, margin=1, severity=Severity.CRITICAL,
    )  # fmt: skip


def fuzzed() -> Case:
    """Somebody tries two hundred made-up keys from two addresses, and is refused."""
    return case_of(
        IncidentKind.JWT_VALIDATION_ERRORS,
        *(
            Rows(
                type=EventType.JWT_VALIDATION_ERROR, first_user=k, ip=f"203.0.113.{k % 2 + 1}",
                attributes={"reject_reason": "unknown_kid", "kid": f"{k:x}-made-up"},
            )
            for k in range(200)
        ),
        Rows(type=EventType.JWT_ACCEPTED, n=90, users=40, since=55, attributes={"kid": "K1"}),
    )  # fmt: skip


def staging() -> Case:
    """Tokens of staging at production's door."""
    said = {"reject_reason": "unknown_kid", "kid": "S1", "iss": "https://id.staging.example.com"}
    return case_of(
        IncidentKind.JWT_VALIDATION_ERRORS,
        Rows(type=EventType.JWT_VALIDATION_ERROR, n=60, users=30, attributes=said),
        site=site_facts(PolicySettings(), (ISSUER,)),
    )
