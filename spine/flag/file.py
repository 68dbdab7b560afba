"""flagd's file format: a set of flags as one JSON document, in and out."""

from collections.abc import Mapping
from typing import Any

from spine.errors import Refused
from spine.flag.definition import Definition, parse_definition

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
MOST_FLAGS = 2_000
_MOST_PARTS = 10_000
"""Of one rule with shared ones put in: shared rules that refer to shared rules grow without end."""


def export(definitions: Mapping[str, Definition]) -> dict[str, Any]:
    """The document that holds `definitions`, by key."""
    return {"$schema": SCHEMA, "flags": {key: definitions[key].stored() for key in sorted(definitions)}}


def read(document: Any) -> tuple[dict[str, Definition], dict[str, str]]:
    """The flags of a document, and why the others of it are refused, by key.

    Shared rules (`$evaluators`) are put where they are referred to: here every flag stands for itself.

    Raises:
        Refused: `flag.file`, it is no such document at all.
    """
    flags = document.get("flags") if isinstance(document, dict) else None
    if not isinstance(flags, dict):
        raise Refused("flag.file", 'A flagd file is an object with "flags": {key: definition}. Nothing was stored.')
    if len(flags) > MOST_FLAGS:
        raise Refused("flag.file", f"The file has {len(flags)} flags; at most {MOST_FLAGS} come at once.")
    shared = document.get("$evaluators", {})
    good: dict[str, Definition] = {}
    bad: dict[str, str] = {}
    for key, raw in flags.items():
        try:
            if not isinstance(raw, dict):
                raise Refused("flag.invalid", f"The definition of {key} is no object.")
            good[key] = parse_definition(key, {**raw, **_rule(key, raw, shared)})
        except Refused as refusal:
            bad[key] = str(refusal)
    return good, bad


def _rule(key: str, raw: Mapping[str, Any], shared: Any) -> dict[str, Any]:
    """The targeting rule with shared ones put in; {} = there is none."""
    if not raw.get("targeting"):
        return {"targeting": None} if "targeting" in raw else {}
    return {"targeting": _Resolving(key, shared if isinstance(shared, dict) else {}).resolved(raw["targeting"])}


class _Resolving:
    """One rule, into which shared ones are put."""

    def __init__(self, key: str, shared: Mapping[str, Any]) -> None:
        self._key, self._shared, self._parts = key, shared, 0

    def resolved(self, rule: Any, depth: int = 0) -> Any:
        self._parts += 1
        if depth > 64 or self._parts > _MOST_PARTS:
            raise self._refused("its rule is too large, or refers to itself")
        if isinstance(rule, list):
            return [self.resolved(one, depth + 1) for one in rule]
        if not isinstance(rule, dict):
            return rule
        if set(rule) == {"$ref"}:
            if not isinstance(name := rule["$ref"], str) or name not in self._shared:
                raise self._refused(f"there is no shared rule {name!r}")
            return self.resolved(self._shared[name], depth + 1)
        return {name: self.resolved(one, depth + 1) for name, one in rule.items()}

    def _refused(self, what: str) -> Refused:
        return Refused("flag.invalid", f"The definition of {self._key} is refused: {what}. Nothing was stored.")
