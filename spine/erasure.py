"""What is left of somebody, by every spelling of ours, and what stands there afterwards."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from spine.commitment import marker
from spine.detect.summary import hashed
from spine.diagnostic import pseudonym
from spine.ids import TenantId

_SHORTEST = 5
"""Characters of a name that is looked for inside longer text; a shorter one, or a mere number, would be found in words
and counts that mean something else, so it counts as a whole value only."""
_BEFORE, _AFTER = r"(?<![\w.+-])", r"(?![\w-])(?!@)(?!\.\w)"


def stand_in(number: str) -> str:
    """The name that somebody erased has from then on."""
    return f"erased-{number}"


@dataclass(frozen=True)
class Traces:
    """Every spelling of one person, and what each is replaced by."""

    number: str
    """12 random hex digits: nothing about the person can be found out from them."""
    words: Mapping[str, str]
    """Looked for inside text, without regard to case, lower case here."""
    values: Mapping[str, str]
    """Looked for as a whole value only."""
    digests: Mapping[str, str]
    """Hashes we make of names: they mean this person wherever they are, in every tenant."""

    @classmethod
    def of_user(cls, tenant: TenantId, names: Iterable[str], number: str, *, things: Iterable[str] = ()) -> Self:
        """Of an application's user: `names` are ids and addresses, `things` sessions and network addresses of theirs
        alone."""
        names, new = [name for name in dict.fromkeys(names) if name], stand_in(number)
        digests = {}
        for name in names:
            for made in (lambda who: hashed(tenant, who), pseudonym, _short):
                digests[made(name)] = made(new)
            digests[f"{tenant}/{name}".lower()] = f"{tenant}/{new}"
        return cls._of([*names, *things], number, digests)

    @classmethod
    def of_person(cls, email: str, names: Iterable[str], number: str) -> Self:
        """Of somebody who works with us: `names` are what they are called, and their accounts elsewhere."""
        return cls._of([email, *names], number, {})

    @classmethod
    def _of(cls, names: Iterable[str], number: str, digests: Mapping[str, str]) -> Self:
        marker(number)  # it must be one
        new = stand_in(number)
        given = [name for name in dict.fromkeys(names) if name]
        strong = {name.lower(): new for name in given if searchable(name)}
        weak = {name: new for name in given if not searchable(name)}
        return cls(number, strong, weak, dict(digests))

    @property
    def weak(self) -> list[str]:
        """Names too short, or too plain, to be looked for inside text."""
        return sorted(self.values)

    def patterns(self, *, everywhere: bool) -> list[str]:
        """For SQL's `like`, lower case: rows that may hold a trace; with `everywhere` of any tenant."""
        found = [*self.digests] if everywhere else [*self.digests, *self.words, *map(str.lower, self.values)]
        escaped = [json.dumps(one, ensure_ascii=False)[1:-1] for one in found]
        ascii_only = [json.dumps(one)[1:-1] for one in found]
        likes = dict.fromkeys([*found, *escaped, *ascii_only])
        return ["%" + _SPECIAL.sub(r"\\\1", one) + "%" for one in likes]

    def personal(self, value: str) -> bool:
        """True when `value` is, or holds, a trace."""
        return value in self.values or (self._pattern is not None and self._pattern.search(value) is not None)

    def replaced(self, value: str) -> str:
        """`value` with every trace replaced."""
        if value in self.values:
            return self.values[value]
        if self._pattern is None:
            return value
        return self._pattern.sub(lambda found: self._both[found.group().lower()], value)

    def within(self, value: Any) -> Any:
        """A JSON value with every trace replaced, names of members as well."""
        if isinstance(value, str):
            return self.replaced(value)
        if isinstance(value, list):
            return [self.within(one) for one in value]
        if isinstance(value, dict):
            return {self.replaced(name): self.within(one) for name, one in value.items()}
        return value

    @cached_property
    def _both(self) -> dict[str, str]:
        return {**self.words, **self.digests}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self._both:
            return None
        longest_first = sorted(self._both, key=len, reverse=True)
        return re.compile(f"{_BEFORE}(?:{'|'.join(map(re.escape, longest_first))}){_AFTER}", re.IGNORECASE)


_SPECIAL = re.compile(r"([%_\\])")
"""What `like` takes for more than itself."""


def searchable(name: str) -> bool:
    """True when a name is told from other words well enough to be looked for inside text."""
    return len(name) >= _SHORTEST and not name.isdigit()


def _short(name: str) -> str:
    """As store/notices.py keys a notice to a user."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
