"""What came of a drill, held against what must come of it. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from spine.drill import Drill, Expected
from spine.incident import IncidentKind
from spine.plan import Gate, Verb
from spine.severity import Severity
from spine.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Assertion:
    """One thing a drill looks at, in words for its report."""

    name: str
    passed: bool
    expected: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was observed of one drill, read from the ledger once it was over."""

    kinds: frozenset[IncidentKind]
    """Kinds of incident its evidence opened."""
    severity: Severity | None = None
    """None = no incident of its kind opened; then the rest says nothing."""
    verb: Verb | None = None
    """None = nothing was decided."""
    steps: Mapping[str, Gate] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()
    unasked: tuple[str, ...] = ()
    """Actions that ran behind a gate although nobody had let them through."""
    waiting: frozenset[str] = frozenset()
    """Actions behind a gate that nobody opened: they must not have run."""
    ran: frozenset[str] = frozenset()
    """Actions that came into force."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    """Flags that were held, by what was read back."""
    targets: frozenset[str] = frozenset()
    """Everything any step names as its target."""
    calls: tuple[str, ...] = ()
    """What went out of the house: effects that were no shadows, webhooks, probes, pages."""
    verdict: Outcome | None = None
    held_on: tuple[str, ...] = ()
    """Leases and holds that are still there at the end."""
    moved_flags: tuple[str, ...] = ()
    """Flags whose base is at another version, or another definition, than before."""


def judge(drill: Drill, kind: IncidentKind, seen: Seen) -> tuple[Assertion, ...]:
    """Everything the drill looks at, in the order in which it happens."""
    expected = drill.expected
    if expected is None:
        return (Assertion("nothing opens", not seen.kinds, "no incident", _kinds(seen.kinds)),)
    wanted = {kind, *expected.also}
    type_ = Assertion("type", seen.kinds == wanted, _kinds(wanted), _kinds(seen.kinds))
    if seen.severity is None:
        return (type_, Assertion("response", False, "an incident that is responded to", "there is none"))
    return (type_, *_decided(expected, seen.severity, seen), *_done(drill, expected, seen))


def score(assertions: Sequence[Assertion]) -> float:
    """The share that holds (0..1)."""
    return sum(one.passed for one in assertions) / len(assertions)


def _decided(expected: Expected, severity: Severity, seen: Seen) -> Iterator[Assertion]:
    yield Assertion("severity", severity is expected.severity, expected.severity.label, severity.label)
    verb = seen.verb.value if seen.verb else "nothing was decided"
    yield Assertion("decision", seen.verb is expected.verb, expected.verb.value, verb)
    yield Assertion(
        "steps and gates", dict(seen.steps) == dict(expected.steps), _steps(expected.steps), _steps(seen.steps)
    )
    if expected.denied:
        yield Assertion("denied", expected.denied <= seen.denied, _words(expected.denied), _words(seen.denied))
    if expected.spared:
        hit = sorted(one for one in expected.spared if any(_holds(target, one) for target in seen.targets))
        yield Assertion("spared", not hit, f"no step touches {_words(expected.spared)}", _words(hit))


def _done(drill: Drill, expected: Expected, seen: Seen) -> Iterator[Assertion]:
    behind = {key for key, gate in expected.steps.items() if gate is not Gate.ALLOW}
    if behind:
        told = f"asked and not approved: {_words(seen.waiting)}" if seen.waiting else "all of them were let through"
        yield Assertion(
            "gates hold", not seen.unasked, "nothing behind a gate runs unasked",
            _words(seen.unasked) if seen.unasked else told,
        )  # fmt: skip
    yield Assertion("flags", dict(seen.flags) == dict(expected.flags), _flags(expected.flags), _flags(seen.flags))
    yield Assertion("no external call", not seen.calls, "none", _words(seen.calls))
    if expected.verdict is not None:
        outcome = seen.verdict.value if seen.verdict else "no verdict"
        yield Assertion("verification", seen.verdict is expected.verdict, expected.verdict.value, outcome)
    left = (*seen.held_on, *seen.moved_flags)
    yield Assertion("rollback", not left, "every flag at its exact version before, nothing in force", _words(left))


def _holds(target: str, one: str) -> bool:
    """True when a step on `target` touches `one`: it is the same, or an address in it."""
    try:
        return ip_address(one) in ip_network(target, strict=False)
    except ValueError:
        return target == one


def _kinds(kinds: Collection[IncidentKind]) -> str:
    return _words(kind.value for kind in kinds) if kinds else "no incident"


def _steps(steps: Mapping[str, Gate]) -> str:
    return ", ".join(f"{key} ({gate.label})" for key, gate in sorted(steps.items())) or "none"


def _flags(flags: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in sorted(flags.items())) or "none"


def _words(words: Any) -> str:
    return ", ".join(sorted(str(word) for word in words)) or "none"
