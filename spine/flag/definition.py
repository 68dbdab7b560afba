"""A flag's definition in flagd's form, checked before it is stored.

One unknown property makes a whole flagd set fail to load, so nothing unchecked may reach the store.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spine.errors import Refused
from spine.flag.rule import check_rule

KEY = re.compile(r"[a-z0-9][a-zA-Z0-9._-]{0,127}")
MAX_DEFINITION_CHARACTERS = 64 * 1024

ValueType = Literal["boolean", "string", "integer", "float", "object"]

_ARCHIVED = "archived"
"""In the metadata: so it is part of what is signed, versioned and put back, as everything else of a flag."""
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_CHECKS = frozenset(
    {"verify", "verifies", "verification", "signature", "audience", "issuer", "nonce", "pkce", "csrf", "rls"}
)


class Definition(BaseModel):
    """One flag as flagd defines it. Frozen; an unknown property is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    state: Literal["ENABLED"] = "ENABLED"
    """Never DISABLED: clients answer that with an error. A kill switch is a variant named "off"."""
    variants: dict[str, Any] = Field(min_length=1)
    default_variant: str = Field(alias="defaultVariant")
    targeting: dict[str, Any] | None = None
    metadata: dict[str, bool | int | float | str] = {}

    def stored(self) -> dict[str, Any]:
        """The JSON form that is stored and that flagd loads; an empty rule or metadata is left out."""
        body: dict[str, Any] = {
            "state": self.state,
            "variants": self.variants,
            "defaultVariant": self.default_variant,
        }
        if self.targeting:
            body["targeting"] = self.targeting
        if self.metadata:
            body["metadata"] = self.metadata
        return body

    @property
    def value_type(self) -> ValueType:
        """The one type all variants share; whole numbers beside fractions are fractions."""
        common = _common_type(self.variants)
        assert common is not None  # checked before a definition is stored
        return common

    @property
    def archived(self) -> bool:
        """True = nobody reads it any more: applications do not find it, and use their own defaults."""
        return self.metadata.get(_ARCHIVED) is True

    def put_away(self) -> "Definition":
        """The same, archived. The version before it is the way back."""
        return self.model_copy(update={"metadata": {**self.metadata, _ARCHIVED: True}})

    @property
    def default(self) -> Any:
        """The value when no rule matches."""
        return self.variants[self.default_variant]


def check_key(key: str) -> str:
    """`key`, when it may name a flag.

    Raises:
        Refused: OFREP clients could not ask for it.
    """
    if not KEY.fullmatch(key):
        raise Refused(
            "flag.key",
            f"{key[:60]!r} is no flag key: a small letter or digit, then up to 127 letters, digits, or ._-",
        )
    return key


def parse_definition(key: str, raw: Mapping[str, Any]) -> Definition:
    """The checked definition of flag `key`.

    Raises:
        Refused: it would not load, would answer with mixed types, or would disable a verification.
    """
    check_key(key)
    try:
        definition = Definition.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(key, f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}") from error
    _check_size(key, definition)
    _check_variants(key, definition)
    _check_purpose(key, definition)
    if definition.targeting and (problem := check_rule(definition.targeting, definition.variants.keys())):
        raise _invalid(key, f"targeting: {problem}")
    return definition


def boolean_flag(*, on: bool = False, metadata: Mapping[str, bool | int | float | str] | None = None) -> Definition:
    """A flag with the variants "on" and "off"."""
    return Definition(
        variants={"on": True, "off": False}, default_variant="on" if on else "off", metadata=dict(metadata or {})
    )


def _type_of(value: Any) -> ValueType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else "object"


def _common_type(variants: Mapping[str, Any]) -> ValueType | None:
    kinds = {_type_of(value) for value in variants.values()}
    if kinds == {"integer", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else None


def _check_size(key: str, definition: Definition) -> None:
    try:
        length = len(json.dumps(definition.stored(), allow_nan=False))
    except RecursionError as error:
        raise _invalid(key, "it is nested too deeply") from error
    except (ValueError, TypeError) as error:
        raise _invalid(key, f"it is no JSON: {error}") from error
    if length > MAX_DEFINITION_CHARACTERS:
        raise _invalid(key, f"it has {length} characters; at most {MAX_DEFINITION_CHARACTERS} are allowed")


def _check_variants(key: str, definition: Definition) -> None:
    if definition.default_variant not in definition.variants:
        raise _invalid(key, f"defaultVariant {definition.default_variant!r} is not among the variants")
    if "" in definition.variants:
        raise _invalid(key, "a variant has an empty name")
    for name, value in definition.variants.items():
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise _invalid(key, f"variant {name!r} has no value")
    if _common_type(definition.variants) is None:
        raise _invalid(key, "its variants have different types; a client reads one type")
    if "" in definition.metadata:
        raise _invalid(key, "a metadata name is empty")


def _check_purpose(key: str, definition: Definition) -> None:
    named = {word.lower() for word in _WORDS.findall(key)} & _CHECKS
    if named and any(value is False or value in ("off", "none", "disabled") for value in definition.variants.values()):
        raise Refused(
            "flag.disables_verification",
            f"The flag {key} could switch off a check ({', '.join(sorted(named))}). Verification is not switchable: "
            "fix the cause, or use the action made for it (for keys: jwks.refresh or jwt.kid_overlap).",
        )


def _invalid(key: str, what: str) -> Refused:
    return Refused("flag.invalid", f"The definition of {key} is refused, {what}. Nothing was stored.")
