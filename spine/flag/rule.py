"""Targeting rules (JsonLogic with flagd's operators): checked without running them."""

from collections.abc import Collection, Iterator
from typing import Any

from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS

MAX_DEPTH = 32
"""Of a composed rule. Source: the depth flagd's schema and its in-process clients accept."""
HOLD_DEPTH = 1
"""What holds put around a base rule (`spine.flag.hold`)."""

_MAX_CONTAINERS = 3 * MAX_DEPTH
"""An operator and the lists of its arguments are two; lists in lists are data."""
_LAZY = frozenset({"if", "?:", "and", "or", "filter", "reduce", "map", "all", "some", "none"})
_KNOWN = (frozenset(OPERATORS) | _LAZY) - {"log"}  # `log` prints to the server's output


def depth(rule: Any) -> int:
    """How many operators are nested in each other."""
    return _nesting(rule)[0]


def _nesting(rule: Any) -> tuple[int, int]:
    """How many operators, and how many lists and objects of any kind, are nested in each other. Needs no stack: what
    is measured may be far too deep for one."""
    operators = containers = 0
    parts: list[tuple[Any, int, int]] = [(rule, 0, 0)]
    while parts:
        part, outer, around = parts.pop()
        if not isinstance(part, dict | list):
            continue
        within, around = outer + isinstance(part, dict), around + 1
        operators, containers = max(operators, within), max(containers, around)
        parts += [(one, within, around) for one in (part.values() if isinstance(part, dict) else part)]
    return operators, containers


def check_rule(rule: dict[str, Any], variants: Collection[str]) -> str | None:
    """Why `rule` may not be stored, or None."""
    levels, containers = _nesting(rule)
    if levels > MAX_DEPTH - HOLD_DEPTH:
        return f"{levels} levels deep; at most {MAX_DEPTH - HOLD_DEPTH}, so that holds still fit around it"
    if containers > _MAX_CONTAINERS:
        return f"lists and objects are nested {containers} deep; at most {_MAX_CONTAINERS} are"
    for operation in _operations(rule):
        if len(operation) != 1:
            return f"an object with {len(operation)} keys; an operation has exactly one"
        name = next(iter(operation))
        if name not in _KNOWN:
            return f"unknown operator {name[:40]!r}"
    strangers = sorted(set(_results(rule)) - set(variants))
    return f"it answers {strangers[0]!r}, which is no variant" if strangers else None


def needs_targeting_key(rule: Any) -> bool:
    """True when a rollout in `rule` has no bucketing value of its own and so uses the targeting key."""
    for operation in _operations(rule):
        arguments = operation.get("fractional")
        if isinstance(arguments, list) and arguments and isinstance(arguments[0], list):
            return True
    return False


def _operations(rule: Any) -> Iterator[dict[str, Any]]:
    if isinstance(rule, dict):
        yield rule
        for value in rule.values():
            yield from _operations(value)
    elif isinstance(rule, list):
        for value in rule:
            yield from _operations(value)


def _results(rule: Any) -> Iterator[str]:
    """The literal variant names `rule` can answer."""
    if isinstance(rule, str):
        yield rule
    if not isinstance(rule, dict):
        return
    name, arguments = next(iter(rule.items()))
    if not isinstance(arguments, list):
        return
    if name in ("if", "?:"):
        for index, argument in enumerate(arguments):
            if index % 2 or index == len(arguments) - 1:
                yield from _results(argument)
    elif name == "fractional":
        for argument in arguments:
            if isinstance(argument, list) and argument:
                yield from _results(argument[0])
