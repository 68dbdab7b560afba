"""The callbacks of a case: which provider fails, whose fault that is, and what diagnostics say of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from spine.callback import Fault, bypass_of, fault_of
from spine.case import Case
from spine.detect.subject import provider_of
from spine.diagnostic import State
from spine.event_type import EventType
from spine.family import Fate

OK, ERROR = EventType.OAUTH_CALLBACK_OK.value, EventType.OAUTH_CALLBACK_ERROR.value
_LOOKS_FOR: Mapping[Fault, tuple[str, ...]] = {
    Fault.REDIRECT: ("redirect_uri", "sent", "sent_hashes"),
    Fault.PROVIDER: ("oidc_discovery", "document", "issuer"),
    Fault.CONFIGURATION: ("oidc_discovery", "endpoints"),
    Fault.KEYS: ("jwks_comparison", "rejected.uncached", "rejected.dropped"),
}
"""The diagnostic that looks for a fault of a provider, and its checks."""


@dataclass(frozen=True, eq=False)
class Callbacks:
    """What the hour's callbacks of one provider say."""

    provider: str
    """"" = no failing event names one."""
    rows: pd.DataFrame
    """Its callbacks, with `fault` (None for those that rightly worked)."""
    fault: Fault
    share: float
    """Of what was not the user's own choice, how much is `fault`."""
    readable: bool

    @classmethod
    def of(cls, case: Case) -> "Callbacks":
        """The provider of the incident, else the one with most failures."""
        rows = case.logins[case.logins["type"].isin((OK, ERROR))]
        pairs = zip(rows["type"], rows["attributes"], strict=True)
        faults = [fault_of(said) if kind == ERROR else bypass_of(said) for kind, said in pairs]
        rows = rows.assign(fault=pd.Series(faults, index=rows.index, dtype=object))
        passed = rows[rows["fault"] == Fault.BYPASS]
        named = (passed if len(passed) else _real(rows))["provider"].dropna().astype(str).value_counts()
        provider = provider_of(case.incident.subject) or (min(named.index[named == named.max()]) if len(named) else "")
        if provider and rows["provider"].notna().any():
            rows = rows[rows["provider"] == provider]
        counts = counted(_real(rows))
        told = {fault: n for fault, n in counts.items() if fault is not Fault.UNSAID}
        fault = max(told, key=lambda one: told[one]) if told else _found(case, provider)
        fault = Fault.BYPASS if Fault.BYPASS in told else fault
        share = counts.get(fault, 0) / max(sum(counts.values()), 1)
        return cls(provider, rows, fault, share, case.readable)

    @property
    def failed(self) -> pd.DataFrame:
        """Callbacks that failed for a reason of ours or the provider's, and those that should have failed."""
        return _real(self.rows)

    @property
    def refused(self) -> int:
        """Callbacks that failed because the user said no."""
        return int((self.rows["fault"] == Fault.USER).sum())

    @property
    def failing(self) -> float:
        """Share of its callbacks that fail, the user's own choices left out."""
        return len(self.failed) / max(len(self.rows) - self.refused, 1)

    @property
    def people(self) -> int:
        """How many users fail; where nobody is named, every failure is somebody."""
        users = self.failed["user_id"]
        return int(users.nunique()) if users.notna().any() else len(self.failed)

    @property
    def harmless(self) -> bool:
        """True when nearly all that failed was the user's own choice."""
        return self.refused > 0 and len(self.failed) < self.refused / 4 and not self.bypassed

    @property
    def bypassed(self) -> bool:
        """True when somebody got in past a check: one is enough."""
        return self.fault is Fault.BYPASS

    @property
    def second_try(self) -> float:
        """Share of the failing users whose last callback worked."""
        users = self.failed["user_id"].dropna().unique()
        mine = self.rows[self.rows["user_id"].isin(users)].drop_duplicates("user_id", keep="last")
        return float((mine["fate"] == Fate.WORKED).mean()) if len(mine) else 0.0


def counted(failed: pd.DataFrame) -> dict[Fault, int]:
    """Failures by fault, in the order in which faults are declared."""
    return {fault: n for fault in Fault if (n := int((failed["fault"] == fault).sum()))}


def asked(case: Case, provider: str, fault: Fault) -> State:
    """What the diagnostics say of a fault: BAD = it is there."""
    if fault is Fault.GRANT:
        return case.state("clock_skew")
    if fault is Fault.SESSION:
        return case.state("release_split", "oauth.release")
    if fault not in _LOOKS_FOR:
        return State.UNKNOWN
    key, *checks = _LOOKS_FOR[fault]
    found = {case.state(key, f"{provider}.{check}") for check in checks}
    return next((state for state in (State.BAD, State.OK) if state in found), State.UNKNOWN)


def _found(case: Case, provider: str) -> Fault:
    """The fault that a diagnostic found where events say nothing."""
    looked = (Fault.REDIRECT, Fault.KEYS, Fault.PROVIDER)
    return next((fault for fault in looked if asked(case, provider, fault) is State.BAD), Fault.UNSAID)


def _real(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["fault"].notna() & (rows["fault"] != Fault.USER)]
