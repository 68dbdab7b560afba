"""Who hears of an incident beyond on-call, and what may be said to users. Source: RUNBOOKS 2.9."""

from dataclasses import dataclass

from spine.incident import IncidentKind
from spine.severity import Severity


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom else it concerns."""

    who: str
    line: str
    """What may be said to users or administrators; "" = nothing."""
    from_severity: Severity = Severity.INFO


_MAIL = Audience("the owner of messaging, support", "Mail delayed; use only the newest message.")
_AUDIENCES = {
    IncidentKind.FAILED_LOGINS_SPIKE: Audience(
        "security, support", "Extra checks at sign-in; your password still works.", Severity.HIGH
    ),
    IncidentKind.PASSWORD_RESET_FAILURES: _MAIL,
    IncidentKind.EMAIL_VERIFICATION_FAILURES: _MAIL,
    IncidentKind.OAUTH_CALLBACK_ERRORS: Audience("the provider's owner, growth", "Use another sign-in method."),
    IncidentKind.JWT_VALIDATION_ERRORS: Audience(
        "platform; security if a bad token was accepted", "You may need to sign in again."
    ),
    IncidentKind.TENANT_LEAK_RISK: Audience("the commander, legal, the data protection officer; no broadcast", ""),
    IncidentKind.SESSION_ANOMALIES: Audience(
        "the user, security",
        "We signed you out after unusual use; sign in from the app and review devices.",
    ),
    IncidentKind.SUSPICIOUS_ADMIN_LOGIN: Audience(
        "other administrators, security; never by the suspect's channel",
        "Was this you? Confirm with a second admin.",
    ),
}


def beyond(kind: IncidentKind, severity: Severity) -> tuple[str, ...]:
    """The lines of a message that say whom else to tell, and how; () = nobody."""
    audience = _AUDIENCES.get(kind)
    if audience is None or severity < audience.from_severity:
        return ()
    say = f"To users, if anything: “{audience.line}”" if audience.line else "To users: only what counsel has approved."
    return (f"Concerns {audience.who}.", say)
