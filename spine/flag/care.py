"""Caring for flags: what is declared of each, whom a change reaches, and what nobody has looked after. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from spine.errors import Refused
from spine.flag.definition import Definition
from spine.flag.evaluate import Evaluation, FlagSet
from spine.flag.stored import StoredFlag

Kind = Literal["dependency", "expired", "undeclared", "unsafe", "untested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What somebody says a flag is, beside its owner and purpose."""

    key: str
    safe: str
    """The variant to fall back to."""
    kill_switch: bool = False
    """Throwing it takes something away at once: that must be known to work."""
    expires_at: datetime | None = None
    """Of a temporary one: by then it is out of the code. None = permanent."""
    depends_on: tuple[str, ...] = ()
    """Flags that must not be at their safe variant while this one is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """One thing that is not looked after."""

    key: str
    kind: Kind
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Whom a change reaches."""

    users: int
    """Users who were asked what they would read."""
    changed: int
    """Of these, who would read another value."""
    unseen: tuple[str, ...] = ()
    """What the rules ask for beside the user, and nobody here knows: for that part nothing is told."""

    @property
    def sentence(self) -> str:
        """The preview in words."""
        if not self.users:
            return "no user got in lately, so it is not known whom it reaches"
        told = f"{self.changed} of {self.users} users ({self.changed / self.users:.1%}) would read another value"
        return told + (f"; its rules also ask for {', '.join(self.unseen)}, not looked at" if self.unseen else "")


def check_declaration(
    declared: Declaration,
    definition: Definition,
    others: Mapping[str, Declaration],
    known: Collection[str],
    *,
    temporary: bool,
    now: datetime,
) -> None:
    """Raises Refused when a declaration cannot hold."""
    key, wrong = declared.key, ""
    if declared.safe not in definition.variants:
        wrong = f"its safe default {declared.safe!r} is none of its variants ({', '.join(sorted(definition.variants))})"
    elif temporary and (declared.expires_at is None or declared.expires_at <= now):
        wrong = "a temporary flag has an end, and it lies ahead; give --expires, or declare it permanent"
    elif not temporary and declared.expires_at is not None:
        wrong = "a permanent flag has no end; declare it temporary"
    elif missing := sorted(set(declared.depends_on) - set(known)):
        wrong = f"there is no flag {', '.join(missing)} it could depend on"
    elif key in _reached(declared, others):
        wrong = "it would depend on itself"
    if wrong:
        raise Refused("flag.declaration", f"{key} cannot be declared so: {wrong}. Nothing was stored.")


def check_dependencies(
    declared: Declaration, wanted: Definition, flags: Mapping[str, StoredFlag],
    others: Mapping[str, Declaration], now: datetime,
) -> None:  # fmt: skip
    """Raises Refused when `wanted` leaves the safe default while something it rests on is at its own."""
    if wanted.default_variant == declared.safe and not wanted.targeting:
        return
    for key in _resting(declared, flags, others, now):
        raise Refused(
            "flag.dependency",
            f"{declared.key} depends on {key}, which is at its safe default: switched on, it would not work. Change "
            f"{key} first. Nothing was changed.",
        )


def lacks(
    flags: Mapping[str, StoredFlag],
    declarations: Mapping[str, Declaration],
    thrown: Mapping[str, datetime],
    *,
    now: datetime,
    since: datetime,
    untested: timedelta,
) -> list[Lack]:
    """Everything nobody looked after, by key.

    Args:
        thrown: when each kill switch was last at work, drills included.
        since: since when there is somebody who could have thrown them.
    """
    found: list[Lack] = []
    for key, flag in flags.items():
        declared = declarations.get(key)
        if declared is None:
            if flag.version:
                says = "It has no safe default: nobody knows what to fall back to. Run `opsspine flags declare`."
                found.append(Lack(key=key, kind="undeclared", says=says))
            continue
        found += _of(flag, declared, flags, declarations, now)
    for key, one in declarations.items():
        if one.kill_switch and key in flags:
            found += _untested(key, thrown.get(key), since, now, untested)
    return sorted(found, key=lambda one: (one.key, one.kind))


def preview(key: str, before: Definition | None, after: Definition, users: Iterable[str]) -> Preview:
    """Whom the change from `before` (None = there is no such flag) to `after` reaches."""
    old, new = (FlagSet({key: one}) if one is not None else None for one in (before, after))
    assert new is not None
    asked = changed = 0
    for user in users:
        asked += 1
        was = _value(old, key, user) if old is not None else None
        changed += was != _value(new, key, user)
    rules = [one.targeting for one in (before, after) if one is not None and one.targeting]
    unseen = sorted({name for rule in rules for name in _asks(rule)} - {"targetingKey"})
    return Preview(users=asked, changed=changed, unseen=tuple(unseen))


def _of(
    flag: StoredFlag, declared: Declaration, flags: Mapping[str, StoredFlag],
    others: Mapping[str, Declaration], now: datetime,
) -> Iterator[Lack]:  # fmt: skip
    base = flag.base_at(now)
    if declared.safe not in base.variants:
        says = f"Its safe default {declared.safe!r} is no variant (any more): nothing to fall back to. Put it back."
        yield Lack(key=flag.key, kind="unsafe", says=says)
    if declared.expires_at is not None and declared.expires_at <= now:
        says = f"It was to be gone by {declared.expires_at:%Y-%m-%d}. Remove it from the code, or give it a new end."
        yield Lack(key=flag.key, kind="expired", says=says)
    if base.default_variant != declared.safe or base.targeting:
        for key in _resting(declared, flags, others, now):
            says = f"It is on while {key}, which it depends on, is at its safe default. Switch one of them."
            yield Lack(key=flag.key, kind="dependency", says=says)


def _untested(
    key: str, at: datetime | None, since: datetime, now: datetime, most: timedelta
) -> Iterator[Lack]:  # fmt: skip
    if now - (at or since) <= most:
        return
    when = "was never thrown" if at is None else f"was last thrown {(now - at).days} days ago"
    says = f"This kill switch {when}, in earnest or in a drill: nobody knows that it works. Rehearse it."
    yield Lack(key=key, kind="untested", says=says)


def _resting(
    declared: Declaration, flags: Mapping[str, StoredFlag], others: Mapping[str, Declaration], now: datetime
) -> Iterator[str]:
    """Flags it depends on that are at their safe default."""
    for key in declared.depends_on:
        flag, other = flags.get(key), others.get(key)
        if flag is None or (other is not None and _resting_itself(flag, other, now)):
            yield key


def _resting_itself(flag: StoredFlag, declared: Declaration, now: datetime) -> bool:
    base = flag.base_at(now)
    return base.default_variant == declared.safe and not base.targeting


def _reached(declared: Declaration, others: Mapping[str, Declaration]) -> set[str]:
    """Everything it depends on, directly or not."""
    found: set[str] = set()
    ahead = list(declared.depends_on)
    while ahead:
        key = ahead.pop()
        if key not in found:
            found.add(key)
            ahead += others[key].depends_on if key in others else ()
    return found


def _value(loaded: FlagSet, key: str, user: str) -> Any:
    found = loaded.evaluate(key, {"targetingKey": user})
    return found.value if isinstance(found, Evaluation) else None


def _asks(rule: Any) -> Iterator[str]:
    """The names of context a rule asks for."""
    if isinstance(rule, dict):
        for operation, arguments in rule.items():
            if operation == "var":
                name = arguments[0] if isinstance(arguments, list) and arguments else arguments
                if isinstance(name, str) and not name.startswith("$"):
                    yield name
            else:
                yield from _asks(arguments)
    elif isinstance(rule, list):
        for one in rule:
            yield from _asks(one)
