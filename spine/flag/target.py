"""Named targets in rules: for which users, providers, keys or tenants a hold is, as the application's context says."""

from collections.abc import Mapping, Sequence
from typing import Any


def named_condition(of: str, names: Sequence[str]) -> dict[str, Any]:
    """The rule that is true where the context's property `of` is one of `names`; a context without it is not meant."""
    return {"in": [{"var": of}, sorted(set(names))]}


def scope_condition(scope: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rules that are true where every property of `scope` has its value."""
    return [{"==": [{"var": name}, value]} for name, value in sorted(scope.items())]


def exemption(of: str) -> dict[str, Any]:
    """The rule that is true but for contexts whose property `of` is true."""
    return {"!": [{"var": of}]}


def all_of(conditions: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """One rule out of several; None = for everybody."""
    if len(conditions) > 1:
        return {"and": list(conditions)}
    return conditions[0] if conditions else None
