"""Feature flags for programs that use the domain as a library: no database, no server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from threading import Lock
from typing import Any

from spine.clock import Clock, SystemClock
from spine.errors import Refused
from spine.flag.definition import Definition, parse_definition
from spine.flag.evaluate import Failure, FlagSet
from spine.ids import NO_TENANT, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagVersion:
    """One version of a flag's base definition, and who made it why."""

    key: str
    version: int
    definition: Definition
    actor: str
    reason: str
    at: datetime


@dataclass(slots=True)
class MemoryFlags:
    """Flags in memory. Keys are scoped by tenant: one tenant's flag is no other's."""

    versions: dict[tuple[TenantId, str], list[FlagVersion]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class FlagController:
    """Sets and reads the flags of one tenant.

    >>> flags = FlagController()
    >>> flags.set_flag("auth.captcha.required", True, actor="ada@example.org", reason="drill")
    1
    >>> flags.get_bool("auth.captcha.required")
    True
    """

    def __init__(
        self, store: MemoryFlags | None = None, *, tenant: TenantId = NO_TENANT, clock: Clock | None = None
    ) -> None:
        self._store = store if store is not None else MemoryFlags()
        self._tenant = tenant
        self._clock = clock or SystemClock()

    def set_flag(
        self, key: str, new_value: Any, actor: str, reason: str, *, expected_version: int | None = None
    ) -> int:
        """Make `new_value` what everybody reads; returns the new version.

        Raises:
            Refused: no actor or reason, a value of another type than before, a forbidden flag, or another
                version than `expected_version` is current.
        """
        history = self.history(key)
        current = history[-1].definition if history else None
        return self._append(key, with_value(current, new_value), actor, reason, expected_version)

    def revert(self, key: str, version: int, actor: str, reason: str) -> int:
        """Put the definition of `version` back, exactly, as a new version."""
        for old in self.history(key):
            if old.version == version:
                return self._append(key, old.definition.stored(), actor, reason, None)
        raise Refused("flag.version", f"{key} has no version {version}; `history` lists those it has")

    def history(self, key: str) -> list[FlagVersion]:
        """Every version, oldest first."""
        return list(self._store.versions.get((self._tenant, key), []))

    def get_bool(self, key: str, default: bool = False, context: Mapping[str, Any] | None = None) -> bool:
        """What `key` is for `context`; `default` when there is no such flag or it is no boolean."""
        history = self.history(key)
        if not history:
            return default
        found = FlagSet({key: history[-1].definition}).evaluate(key, context or {})
        return default if isinstance(found, Failure) or not isinstance(found.value, bool) else found.value

    def _append(self, key: str, raw: Mapping[str, Any], actor: str, reason: str, expected: int | None) -> int:
        if not actor.strip() or not reason.strip():
            raise Refused("flag.unsigned", f"Changing {key} needs an actor and a reason; it was not changed")
        definition = parse_definition(key, raw)
        with self._store.lock:
            versions = self._store.versions.setdefault((self._tenant, key), [])
            if expected is not None and expected != len(versions):
                raise conflict(key, expected, len(versions))
            versions.append(
                FlagVersion(
                    key=key, version=len(versions) + 1, definition=definition,
                    actor=actor, reason=reason, at=self._clock.now(),
                )
            )  # fmt: skip
            return len(versions)


def conflict(key: str, expected: int, current: int) -> Refused:
    """The refusal of a compare-and-set that lost."""
    return Refused(
        "flag.conflict",
        f"{key} is at version {current}, not {expected}: somebody changed it meanwhile. Nothing was stored; "
        "read it again and decide again.",
    )


def with_value(current: Definition | None, value: Any) -> dict[str, Any]:
    """The stored form of `current` with `value` as its default; its rule goes, for the value is for everybody."""
    if current is not None:
        variants, kept = dict(current.variants), {"metadata": dict(current.metadata)}
    else:
        variants, kept = {"on": True, "off": False} if isinstance(value, bool) else {"set": value}, {}
    for name, known in variants.items():
        if type(known) is type(value) and known == value:
            return {"variants": variants, "defaultVariant": name, **kept}
    name = next(n for i in count(len(variants) + 1) if (n := f"v{i}") not in variants)
    return {"variants": {**variants, name: value}, "defaultVariant": name, **kept}
