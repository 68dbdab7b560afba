"""The tokens of a case: why they are refused, what became of their keys, and which should not have been accepted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import pandas as pd

from runbooks.remedy import issuer_of
from spine.case import Case
from spine.diagnostic import Check, State
from spine.event_type import EventType
from spine.question import said
from spine.token import HARMLESS, Flaw, Refusal, flaw_of, refusal_of

ACCEPTED, REFUSED = EventType.JWT_ACCEPTED.value, EventType.JWT_VALIDATION_ERROR.value
FEW_PEOPLE, MANY_PEOPLE = 3, 10
"""A key that as many people as the second bear is an issuer's. Source: RUNBOOKS 2.4, Fire."""
MADE_UP_KEYS = 5
"""So many keys, each of fewer people than the first of the above, are made up. Source: RUNBOOKS 2.4, Not (random kids);
the number is judgement (store/sql/tick_token_facts.sql)."""
ACCEPTED_BY = "unsound_token_accepted"
"""The detector that fires on one accepted token that should have been refused."""
_ASKED = "jwks_comparison"


class Key(StrEnum):
    """What became of a key that verifiers do not know."""

    COMPROMISED = "compromised"
    DROPPED = "taken away while tokens of it live"
    UNCACHED = "not read yet"
    UNEXPLAINED = "unexplained"
    MADE_UP = "made up"


class Cause(StrEnum):
    """What the incident comes from, gravest first."""

    ACCEPTED = "tokens are accepted that should be refused"
    STALE = "a cache serves an old key set"
    UNCACHED = "the issuer signs with a key that verifiers have not read yet"
    DROPPED = "a key was taken away while tokens of it live"
    UNEXPLAINED = "a key that nothing explains"
    SIGNATURE = Refusal.SIGNATURE.value
    BINDING = Refusal.BINDING.value
    CLOCK = Refusal.CLOCK.value
    UNSAID = Refusal.UNSAID.value
    HARMLESS = "expired, forged or foreign tokens, refused as they should be"


_OF_KEY = {Key.DROPPED: Cause.DROPPED, Key.UNCACHED: Cause.UNCACHED, Key.UNEXPLAINED: Cause.UNEXPLAINED}
_OF_REFUSAL = {
    Refusal.SIGNATURE: Cause.SIGNATURE, Refusal.BINDING: Cause.BINDING, Refusal.CLOCK: Cause.CLOCK,
    Refusal.UNSAID: Cause.UNSAID,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tokens:
    """What the hour's tokens say, read together with the settings and with what diagnostics found."""

    case: Case

    @cached_property
    def refused(self) -> pd.DataFrame:
        """Refused tokens with why (Refusal), iss, foreign (bool) and cause (Cause)."""
        rows = self.case.logins[self.case.logins["type"] == REFUSED]
        why = [refusal_of(one) for one in rows["attributes"]]
        rows = rows.assign(why=pd.Series(why, index=rows.index, dtype=object), iss=said(rows, "iss"))
        ours = self.issuers
        strange = [isinstance(iss, str) and bool(ours) and iss not in ours for iss in rows["iss"]]
        rows = rows.assign(foreign=pd.Series(strange, index=rows.index, dtype=bool))
        keys = self._keys(rows[(rows["why"] == Refusal.KEY) & ~rows["foreign"]])
        causes = [
            Cause.HARMLESS if foreign else _cause(why, keys.get(kid))
            for why, kid, foreign in zip(rows["why"], rows["kid"], rows["foreign"], strict=True)
        ]
        return rows.assign(cause=pd.Series(causes, index=rows.index, dtype=object))

    @cached_property
    def keys(self) -> dict[str, Key]:
        """What became of each unknown key, the one with most refusals first."""
        rows = self.refused
        return self._keys(rows[(rows["why"] == Refusal.KEY) & ~rows["foreign"]])

    @cached_property
    def wrong(self) -> pd.DataFrame:
        """Accepted tokens that should have been refused, with flaw (Flaw)."""
        rows = self.case.logins[self.case.logins["type"] == ACCEPTED]
        tainted = rows["kid"].isin(self.compromised)
        flaws = [
            flaw_of(one) or (Flaw.KEY if bad else None) for one, bad in zip(rows["attributes"], tainted, strict=True)
        ]
        rows = rows.assign(flaw=pd.Series(flaws, index=rows.index, dtype=object))
        return rows[rows["flaw"].notna()]

    @property
    def accepted_wrongly(self) -> bool:
        """True when a wrong token was accepted, whether the event can still be read or not."""
        return len(self.wrong) > 0 or any(f.detector == ACCEPTED_BY for f in self.case.firing)

    @property
    def faulty(self) -> pd.DataFrame:
        """Refused tokens that should have been accepted, or that nobody can tell."""
        return self.refused[self.refused["cause"] != Cause.HARMLESS]

    @cached_property
    def cause(self) -> Cause:
        """What most of the faulty refusals come from; a wrongly accepted token is graver than all of them."""
        if self.accepted_wrongly:
            return Cause.ACCEPTED
        counts = self.counts
        if not counts:
            return Cause.UNSAID if self.refused.empty else Cause.HARMLESS
        told = {cause: n for cause, n in counts.items() if cause is not Cause.UNSAID} or counts
        most = max(told, key=lambda cause: told[cause])
        old = any(".freshness" in check.name for check in self.bad)
        return Cause.STALE if old and most in (Cause.UNCACHED, Cause.UNEXPLAINED) else most

    @cached_property
    def counts(self) -> dict[Cause, int]:
        """Faulty refusals by cause, in the order in which causes are declared."""
        causes = self.faulty["cause"]
        return {cause: n for cause in Cause if (n := int((causes == cause).sum()))}

    @property
    def share(self) -> float:
        """Share of the refusals that the cause stands for (0..1)."""
        cause = {Cause.STALE: (Cause.UNCACHED, Cause.UNEXPLAINED)}.get(self.cause, (self.cause,))
        return sum(self.counts.get(one, 0) for one in cause) / max(len(self.refused), 1)

    @property
    def issuers(self) -> tuple[str, ...]:
        """The configured issuers; () = none, or they were not looked up."""
        return (self.case.site.issuers if self.case.site else None) or ()

    @property
    def former(self) -> tuple[str, ...]:
        """Keys the operator calls trusted before and untainted."""
        return (self.case.site.former_kids if self.case.site else None) or ()

    @property
    def compromised(self) -> tuple[str, ...]:
        """Keys that must never be accepted again."""
        return (self.case.site.compromised_kids if self.case.site else None) or ()

    @property
    def bad(self) -> tuple[Check, ...]:
        """What the comparison of key sets found wrong."""
        answer = self.case.answers.get(_ASKED)
        return tuple(check for check in answer.checks if check.state is State.BAD) if answer else ()

    @property
    def confirmed(self) -> bool:
        """True when the comparison of key sets found a fault, or the issuer's own events tell of the key."""
        return bool(self.bad) or not set(self.keys).isdisjoint(self._rotated())

    def of(self, *wanted: Key) -> list[str]:
        """Unknown keys of which this became, the one with most refusals first."""
        return [kid for kid, key in self.keys.items() if key in wanted]

    def refreshed(self) -> list[str]:
        """Issuers whose key sets should be read again: those a diagnostic names, else the tokens, else the only one."""
        asked = {check.name.partition(".")[0] for check in self.bad}
        found = {issuer for name in asked if (issuer := issuer_of(self.case, name))}
        found = found or {str(iss) for iss in self.faulty["iss"].dropna() if iss in self.issuers}
        return sorted(found or (self.issuers if len(self.issuers) == 1 else ()))

    def overlapped(self) -> list[str]:
        """Keys that may be accepted again: taken away early, trusted before, not compromised."""
        return [kid for kid in self.of(Key.DROPPED) if kid in self.former and kid not in self.compromised]

    def rejected(self) -> list[str]:
        """Keys whose tokens were accepted although nobody trusts them."""
        kids = self.wrong.loc[self.wrong["flaw"] == Flaw.KEY, "kid"].dropna().astype(str)
        return [str(kid) for kid in kids.value_counts().index]

    def _keys(self, rows: pd.DataFrame) -> dict[str, Key]:
        dropped, uncached = (set(self._named(f"rejected.{one}")) for one in ("dropped", "uncached"))
        explained = (
            (Key.COMPROMISED, set(self.compromised)), (Key.DROPPED, dropped), (Key.UNCACHED, uncached),
            (Key.UNCACHED, self._rotated()), (Key.DROPPED, set(self.former)),
        )  # fmt: skip
        counts = rows["kid"].dropna().astype(str).value_counts()
        ordered = sorted(counts.index, key=lambda one: (-counts[one], one))
        known = {kid: next((key for key, kids in explained if kid in kids), None) for kid in ordered}
        few = {kid for kid in ordered if known[kid] is None and people(rows[rows["kid"] == kid]) < FEW_PEOPLE}
        made_up = few if len(few) >= MADE_UP_KEYS else set()
        return {kid: known[kid] or (Key.MADE_UP if kid in made_up else Key.UNEXPLAINED) for kid in ordered}

    def _rotated(self) -> set[str]:
        """Keys that the issuer said it signs with now."""
        rows = self.case.along
        if "type" not in rows:
            return set()
        return set(rows.loc[rows["type"] == EventType.SIGNING_KEY_ROTATED.value, "kid"].dropna().astype(str))

    def _named(self, check: str) -> Iterator[str]:
        for one in self.bad:
            kids = one.observed.get("kids")
            if one.name.endswith(f".{check}") and isinstance(kids, Collection) and not isinstance(kids, str):
                yield from map(str, kids)


def people(rows: pd.DataFrame) -> int:
    """How many people bear these tokens: users, else addresses, else each token is somebody's."""
    named = next((rows[name] for name in ("user_id", "ip") if rows[name].notna().any()), None)
    return len(rows) if named is None else int(named.nunique())


def _cause(why: Refusal, key: Key | None) -> Cause:
    if why in HARMLESS:
        return Cause.HARMLESS
    if why is not Refusal.KEY:
        return _OF_REFUSAL[why]
    return Cause.UNSAID if key is None else _OF_KEY.get(key, Cause.HARMLESS)
