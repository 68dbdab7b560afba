"""What an event of a token says: was it right to accept it, and whose fault is it that it was refused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

MOST_SKEW = 60.0
"""Seconds that clocks may differ before anything is wrong. Source: RUNBOOKS 2.4, Not."""


class Flaw(StrEnum):
    """Why an accepted token should have been refused. Source: OWASP ASVS 9.1.2 to 9.2.3."""

    NO_ALGORITHM = "it names no algorithm (none)"
    ALGORITHM = "its algorithm is not on the list"
    KEY = "its key is not trusted"
    BINDING = "issuer, audience and key do not belong together"
    ADDRESS = "its key came from an address that is not on the list (jku, x5u)"


_SAYS = {
    "alg_allowed": Flaw.ALGORITHM,
    "kid_trusted": Flaw.KEY,
    "binding_ok": Flaw.BINDING,
    "url_trusted": Flaw.ADDRESS,
}


def flaw_of(said: Any) -> Flaw | None:
    """What is wrong with an accepted token by its event's attributes; None = nothing that the event tells."""
    if not isinstance(said, Mapping):
        return None
    alg = said.get("alg")
    if isinstance(alg, str) and alg.strip().lower() == "none":
        return Flaw.NO_ALGORITHM
    return next((flaw for name, flaw in _SAYS.items() if said.get(name) is False), None)


class Refusal(StrEnum):
    """What stands behind a refused token."""

    KEY = "a key the verifier does not know"
    SIGNATURE = "a signature that does not check"
    BINDING = "another issuer or audience than expected"
    CLOCK = "clocks that disagree"
    IDLE = "it simply expired"
    HELD = "forged or taken back, and refused as it should be"
    UNSAID = "nothing was said of why"


_BEHIND = {
    "unknown_kid": Refusal.KEY, "bad_signature": Refusal.SIGNATURE, "wrong_issuer": Refusal.BINDING,
    "wrong_audience": Refusal.BINDING, "expired": Refusal.IDLE, "not_yet_valid": Refusal.CLOCK,
    "alg_none": Refusal.HELD, "disallowed_alg": Refusal.HELD, "untrusted_url": Refusal.HELD,
    "malformed": Refusal.HELD, "revoked": Refusal.HELD, "replayed": Refusal.HELD,
}  # fmt: skip
HARMLESS = frozenset({Refusal.IDLE, Refusal.HELD})
"""Refusals that are no fault of ours, and that no action mends."""


def refusal_of(said: Any) -> Refusal:
    """Why a token was refused, by its event's attributes. A small skew is nobody's fault."""
    if not isinstance(said, Mapping):
        return Refusal.UNSAID
    reason, skew = said.get("reject_reason"), said.get("clock_skew_seconds")
    found = _BEHIND.get(reason, Refusal.UNSAID) if isinstance(reason, str) else Refusal.UNSAID
    if found not in (Refusal.CLOCK, Refusal.IDLE) or isinstance(skew, bool) or not isinstance(skew, int | float):
        return found
    return Refusal.IDLE if abs(skew) <= MOST_SKEW else Refusal.CLOCK
