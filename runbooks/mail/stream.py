"""The two streams of mail, and which events tell of each."""

from dataclasses import dataclass

from spine.event_type import EventType as T
from spine.incident import IncidentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream: what starts it, what becomes of its mail, its link and the whole."""

    name: str
    """As actions call it: "reset" or "verification"."""
    noun: str
    kind: IncidentKind
    asked: T
    """What a person did that makes a mail."""
    sent: T
    delivered: T
    undelivered: T
    rejected: T
    completed: T
    failed: T
    accepted: T | None = None
    """A good link was opened; None = opening it completes it."""
    longest_link_minutes: int
    """Source: RUNBOOKS 1, bounds of token.ttl_set."""

    @property
    def roles(self) -> dict[str, str]:
        """What each type of its events stands for."""
        named = {
            "asked": self.asked, "sent": self.sent, "delivered": self.delivered, "undelivered": self.undelivered,
            "accepted": self.accepted, "rejected": self.rejected, "completed": self.completed, "failed": self.failed,
        }  # fmt: skip
        return {kind.value: role for role, kind in named.items() if kind is not None}


RESET = Stream(
    name="reset",
    noun="password resets",
    kind=IncidentKind.PASSWORD_RESET_FAILURES,
    asked=T.PASSWORD_RESET_REQUESTED,
    sent=T.PASSWORD_RESET_SENT,
    delivered=T.PASSWORD_RESET_DELIVERED,
    undelivered=T.PASSWORD_RESET_UNDELIVERED,
    accepted=T.PASSWORD_RESET_LINK_ACCEPTED,
    rejected=T.PASSWORD_RESET_LINK_REJECTED,
    completed=T.PASSWORD_RESET_COMPLETED,
    failed=T.PASSWORD_RESET_FAILED,
    longest_link_minutes=60,
)
VERIFICATION = Stream(
    name="verification",
    noun="verifications",
    kind=IncidentKind.EMAIL_VERIFICATION_FAILURES,
    asked=T.SIGNUP_SUCCEEDED,
    sent=T.EMAIL_VERIFICATION_SENT,
    delivered=T.EMAIL_VERIFICATION_DELIVERED,
    undelivered=T.EMAIL_VERIFICATION_UNDELIVERED,
    rejected=T.EMAIL_VERIFICATION_LINK_REJECTED,
    completed=T.EMAIL_VERIFICATION_COMPLETED,
    failed=T.EMAIL_VERIFICATION_FAILED,
    longest_link_minutes=1440,
)
