"""What is wrong with flags, or will be: for people to put right before it matters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from spine.flag.hold import live
from spine.flag.stored import StoredFlag

Kind = Literal["broken", "conflict", "drift", "overtaken", "stale", "unowned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at."""

    key: str
    kind: Kind
    says: str
    """What it is, what it means and what to do."""


def findings(flags: Iterable[StoredFlag], *, now: datetime, stale: timedelta) -> list[Finding]:
    """What the flags themselves show, by key."""
    found: list[Finding] = []
    for flag in flags:
        found += _conflicts(flag, now)
        if flag.version:
            found += _stale(flag, now, stale)
            found += _unowned(flag)
    return sorted(found, key=lambda one: (one.key, one.kind, one.says))


def broken(faults: Mapping[str, str]) -> list[Finding]:
    """Flags that no application can read."""
    return [
        Finding(
            key=key, kind="broken",
            says=f"No application can read it; each uses its own default. {why} Store a valid definition over it.",
        )
        for key, why in sorted(faults.items())
    ]  # fmt: skip


def _conflicts(flag: StoredFlag, now: datetime) -> list[Finding]:
    holds = live(flag.holds, now)
    lost = sorted({hold.variant for hold in holds} - flag.base_at(now).variants.keys())
    found = [
        Finding(
            key=flag.key, kind="conflict",
            says=f"A lease holds it at {variant!r}, a variant it does not have (any more): the hold has no effect. "
            "Put the variant back, or take the lease back.",
        )
        for variant in lost
    ]  # fmt: skip
    wanted = list(dict.fromkeys(hold.variant for hold in holds))
    if len(wanted) > 1:
        says = (
            f"Leases hold it at {', '.join(repr(one) for one in wanted)} at once; where both mean the same people the "
            f"newest, {wanted[0]!r}, wins. Take one of them back if that is not meant."
        )
        found.append(Finding(key=flag.key, kind="conflict", says=says))
    return found


def _stale(flag: StoredFlag, now: datetime, stale: timedelta) -> list[Finding]:
    quiet = flag.temporary and not flag.planned and flag.updated_at is not None and now - flag.updated_at >= stale
    if not quiet or flag.updated_at is None:
        return []
    days = (now - flag.updated_at).days
    says = (
        f"It is temporary, and nobody changed it for {days} days. Remove it from the code, then from here; or declare "
        "it permanent."
    )
    return [Finding(key=flag.key, kind="stale", says=says)]


def _unowned(flag: StoredFlag) -> list[Finding]:
    missing = [name for name, value in (("owner", flag.owner), ("purpose", flag.purpose)) if not value.strip()]
    if not missing:
        return []
    says = f"It has no {' and no '.join(missing)}: at night nobody knows whom to ask or what it does. Set it."
    return [Finding(key=flag.key, kind="unowned", says=says)]
