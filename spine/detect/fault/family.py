"""Which events are failures, tries and successes of one kind of failure."""

from dataclasses import dataclass

from spine.event_type import EventType as T
from spine.incident import IncidentKind

PROVIDED = "@"
"""Stands between type and provider in the name of a series that counts one provider's events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The series of one kind."""

    kind: IncidentKind
    failures: tuple[T, ...]
    attempts: tuple[T, ...] = ()
    """Events that stand before either outcome."""
    successes: tuple[T, ...] = ()
    activity: tuple[T, ...] = ()
    """What shows how busy a tenant is, for applications that report no success."""
    per_provider: bool = False

    @property
    def types(self) -> tuple[T, ...]:
        """All of them."""
        return (*self.failures, *self.attempts, *self.successes, *self.activity)


RESETS = Family(
    kind=IncidentKind.PASSWORD_RESET_FAILURES,
    failures=(T.PASSWORD_RESET_FAILED, T.PASSWORD_RESET_UNDELIVERED, T.PASSWORD_RESET_LINK_REJECTED),
    attempts=(T.PASSWORD_RESET_REQUESTED,),
    successes=(T.PASSWORD_RESET_COMPLETED,),
)
VERIFICATIONS = Family(
    kind=IncidentKind.EMAIL_VERIFICATION_FAILURES,
    failures=(T.EMAIL_VERIFICATION_FAILED, T.EMAIL_VERIFICATION_UNDELIVERED, T.EMAIL_VERIFICATION_LINK_REJECTED),
    attempts=(T.EMAIL_VERIFICATION_SENT,),
    successes=(T.EMAIL_VERIFICATION_COMPLETED,),
)
CALLBACKS = Family(
    kind=IncidentKind.OAUTH_CALLBACK_ERRORS,
    failures=(T.OAUTH_CALLBACK_ERROR,),
    successes=(T.OAUTH_CALLBACK_OK,),
    per_provider=True,
)
TOKENS = Family(
    kind=IncidentKind.JWT_VALIDATION_ERRORS,
    failures=(T.JWT_VALIDATION_ERROR,),
    successes=(T.JWT_ACCEPTED,),
    activity=(T.LOGIN_SUCCEEDED,),
)
FAMILIES = (RESETS, VERIFICATIONS, CALLBACKS, TOKENS)
COUNTED = tuple(sorted({t.value for family in FAMILIES if not family.per_provider for t in family.types}))
"""Types whose plain series are read; those counted per provider are found by the sign in their names."""
FAILED = tuple(sorted({t.value for family in FAMILIES for t in family.failures}))
"""Types that are failures."""
