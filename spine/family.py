"""Which events a case of each kind is made of: what failed, what worked against it, and what was stopped.

The blast radius, verification and the snapshot read a kind's family, and know no type of event themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pandas as pd

from spine.attribute import ADMIN, JWT, LEAK, LOGINS, OAUTH, RESETS, SESSIONS, VERIFICATION
from spine.callback import bypass_of
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.token import flaw_of
from spine.vocabulary import VOCABULARY

T = EventType


class Fate(StrEnum):
    """What became of one attempt."""

    WORKED = "worked"
    FAILED = "failed"
    STOPPED = "stopped"
    """We stopped it: a flag of ours, or a check that held."""


Judge = Callable[[Mapping[str, Any]], Fate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The events of one kind of incident."""

    noun: str
    """What is attempted, for people: "logins"."""
    failures: tuple[EventType, ...]
    stopped: tuple[EventType, ...] = ()
    along: tuple[EventType, ...] = ()
    """Read with them although they are no attempts."""
    hostile: bool = False
    """Addresses tell who does it, so a failure of somebody known at home is harmless. Otherwise every failure is part
    of the fault, wherever it comes from."""
    plain: tuple[EventType, ...] = ()
    """Types of which there are so many that their attributes stay unread."""
    told: Mapping[EventType, Judge] = field(default_factory=dict)
    """Types whose attributes say what became of the attempt."""

    instead: tuple[EventType, ...] = ()
    """Successes of another kind that show that people get in all the same."""

    @property
    def trouble(self) -> str:
        """What its incidents are, for people."""
        return "attack" if self.hostile else "fault"

    @property
    def successes(self) -> tuple[EventType, ...]:
        """The counterparts of what failed and of what was stopped (spine/vocabulary.py), and what counts like them."""
        against = (VOCABULARY[kind].against for kind in (*self.failures, *self.stopped))
        return tuple(dict.fromkeys(kind for kind in (*against, *self.instead) if kind is not None))

    @property
    def attempts(self) -> tuple[EventType, ...]:
        """Types that stand for one attempt each."""
        return (*self.successes, *self.failures, *self.stopped)

    @property
    def read(self) -> tuple[EventType, ...]:
        """Every type a case of this kind reads."""
        return (*self.attempts, *self.along)

    @property
    def detailed(self) -> tuple[EventType, ...]:
        """Types whose attributes are read."""
        return tuple(kind for kind in self.read if kind not in self.plain)

    def fates(self, frame: pd.DataFrame) -> "pd.Series[str]":
        """The fate of every row of `frame`, all of them attempts (columns type and, if known, attributes)."""
        by_type = {
            **dict.fromkeys(self.failures, Fate.FAILED),
            **dict.fromkeys(self.stopped, Fate.STOPPED),
            **dict.fromkeys(self.successes, Fate.WORKED),
        }
        fates = frame["type"].map({kind.value: fate.value for kind, fate in by_type.items()}).astype(object)
        if "attributes" not in frame:
            return fates
        for kind, judge in self.told.items():
            rows = frame.index[frame["type"] == kind.value]
            fates.loc[rows] = [
                judge(said if isinstance(said, Mapping) else {}).value for said in frame.loc[rows, "attributes"]
            ]
        return fates


def family_of(kind: IncidentKind) -> Family:
    """The family of `kind`, which is one of the auth incidents."""
    return FAMILIES[kind]


def _blocked(said: Mapping[str, Any]) -> Fate:
    """No action of ours refuses an account or a leaked password: then it was the identity provider's own lock."""
    theirs = said.get("limited_by") in ("user", "client") or said.get("leaked") is True
    return Fate.FAILED if theirs else Fate.STOPPED


def _crossed(said: Mapping[str, Any]) -> Fate:
    """An access across tenants that was refused; one that does not say is taken for allowed."""
    return Fate.STOPPED if said.get("allowed") is False else Fate.FAILED


def _accepted(said: Mapping[str, Any]) -> Fate:
    """A token that should have been refused is a failure of whoever accepted it."""
    return Fate.WORKED if flaw_of(said) is None else Fate.FAILED


def _called_back(said: Mapping[str, Any]) -> Fate:
    """A sign-in that got in past a check is a failure of whoever let it in."""
    return Fate.WORKED if bypass_of(said) is None else Fate.FAILED


FAMILIES: Mapping[IncidentKind, Family] = MappingProxyType(
    {
        LOGINS: Family(
            noun="logins", hostile=True,
            failures=(T.LOGIN_FAILED,), stopped=(T.LOGIN_THROTTLED, T.LOGIN_BLOCKED),
            along=(T.CAPTCHA_SHOWN, T.CAPTCHA_PASSED), told={T.LOGIN_BLOCKED: _blocked},
            plain=(T.LOGIN_SUCCEEDED, T.LOGIN_FAILED, T.LOGIN_THROTTLED, T.CAPTCHA_SHOWN, T.CAPTCHA_PASSED),
        ),
        RESETS: Family(
            noun="password resets",
            failures=(T.PASSWORD_RESET_UNDELIVERED, T.PASSWORD_RESET_LINK_REJECTED, T.PASSWORD_RESET_FAILED),
            along=(T.PASSWORD_RESET_REQUESTED, T.PASSWORD_RESET_SENT),
        ),
        OAUTH: Family(
            noun="sign-ins", failures=(T.OAUTH_CALLBACK_ERROR,), along=(T.OAUTH_STARTED,),
            instead=(T.LOGIN_SUCCEEDED,), plain=(T.LOGIN_SUCCEEDED, T.OAUTH_STARTED),
            told={T.OAUTH_CALLBACK_OK: _called_back},
        ),
        JWT: Family(
            noun="tokens", failures=(T.JWT_VALIDATION_ERROR,),
            along=(T.JWKS_REFRESHED, T.JWKS_REFRESH_FAILED, T.SIGNING_KEY_ROTATED), told={T.JWT_ACCEPTED: _accepted},
        ),
        LEAK: Family(
            noun="accesses", failures=(T.TENANT_SCOPE_VIOLATION, T.TENANT_PROBE_FAILED),
            told={T.TENANT_SCOPE_VIOLATION: _crossed},
        ),
        SESSIONS: Family(
            noun="session uses", hostile=True, failures=(T.SESSION_REJECTED, T.SESSION_REFRESH_FAILED),
            along=(
                T.SESSION_CREATED, T.SESSION_ENDED, T.SESSION_REVOKED, T.LOGIN_SUCCEEDED, T.ADMIN_ACTION,
                T.MFA_ENROLLED, T.MFA_REMOVED, T.MFA_SUCCEEDED, T.LOGIN_FAILED,
            ),
            plain=(T.LOGIN_FAILED,),
        ),
        ADMIN: Family(
            noun="admin logins and changes", hostile=True, failures=(T.ADMIN_LOGIN_FAILED,),
            stopped=(T.ADMIN_ACTION_DENIED,), plain=(T.SESSION_USED, T.SESSION_REFRESHED),
            along=(
                T.MFA_FAILED, T.MFA_DENIED, T.MFA_SUCCEEDED, T.MFA_ENROLLED, T.MFA_REMOVED, T.SESSION_CREATED,
                T.SESSION_USED, T.SESSION_REFRESHED,
            ),
        ),
        VERIFICATION: Family(
            noun="verifications",
            failures=(
                T.EMAIL_VERIFICATION_UNDELIVERED, T.EMAIL_VERIFICATION_LINK_REJECTED, T.EMAIL_VERIFICATION_FAILED,
            ),
            along=(T.EMAIL_VERIFICATION_SENT, T.SIGNUP_SUCCEEDED),
        ),
    }
)  # fmt: skip
