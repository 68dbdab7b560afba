"""A definition is checked before it is stored: one bad flag would take a whole set down."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.errors import Refused
from spine.flag import Definition, FlagSet, boolean_flag, parse_definition
from spine.flag.rule import depth

ON_OFF: dict[str, Any] = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}


def _nested(levels: int) -> dict[str, Any]:
    rule: Any = {"var": "plan"}
    for _ in range(levels - 2):
        rule = {"!": [rule]}
    return {"if": [rule, "off", "off"]}


@pytest.mark.parametrize(
    ("key", "raw", "code"),
    [
        pytest.param("Auth.x", ON_OFF, "flag.key", id="key begins with a capital"),
        pytest.param("a" * 129, ON_OFF, "flag.key", id="key too long"),
        pytest.param("a b", ON_OFF, "flag.key", id="key with a space"),
        pytest.param("auth.x\n", ON_OFF, "flag.key", id="key ends with a line break"),
        pytest.param("f", ON_OFF | {"defaultVariant": "maybe"}, "flag.invalid", id="default is no variant"),
        pytest.param("f", ON_OFF | {"surprise": 1}, "flag.invalid", id="unknown property"),
        pytest.param("f", ON_OFF | {"state": "DISABLED"}, "flag.invalid", id="disabled instead of off"),
        pytest.param("f", {"variants": {"a": 1, "b": "x"}, "defaultVariant": "a"}, "flag.invalid", id="mixed types"),
        pytest.param(
            "f", {"variants": {"a": 1, "b": True}, "defaultVariant": "a"}, "flag.invalid", id="number or bool"
        ),
        pytest.param("f", {"variants": {"a": None}, "defaultVariant": "a"}, "flag.invalid", id="no value"),
        pytest.param("f", {"variants": {"a": float("nan")}, "defaultVariant": "a"}, "flag.invalid", id="not a number"),
        pytest.param("f", {"variants": {}, "defaultVariant": "a"}, "flag.invalid", id="no variants"),
        pytest.param("f", ON_OFF | {"metadata": {"a": [1]}}, "flag.invalid", id="nested metadata"),
        pytest.param("f", ON_OFF | {"targeting": {"launch": []}}, "flag.invalid", id="unknown operator"),
        pytest.param("f", ON_OFF | {"targeting": {"log": "x"}}, "flag.invalid", id="operator that prints"),
        pytest.param("f", ON_OFF | {"targeting": {"min.__self__": []}}, "flag.invalid", id="operator by attribute"),
        pytest.param("f", ON_OFF | {"targeting": {"if": [True, "no"]}}, "flag.invalid", id="answers no variant"),
        pytest.param("f", ON_OFF | {"targeting": {"a": 1, "b": 2}}, "flag.invalid", id="two operators in one"),
        pytest.param("f", ON_OFF | {"targeting": _nested(32)}, "flag.invalid", id="too deep for a hold around it"),
        pytest.param("f", ON_OFF | {"metadata": {"x": "y" * 70_000}}, "flag.invalid", id="too large"),
        pytest.param("auth.jwt.verifySignature", ON_OFF, "flag.disables_verification", id="signature check"),
        pytest.param("auth.emailVerification.skip", ON_OFF, "flag.disables_verification", id="mail verification"),
        pytest.param(
            "oauth.pkce", {"variants": {"a": "off"}, "defaultVariant": "a"}, "flag.disables_verification", id="pkce"
        ),
    ],
)
def test_a_bad_definition_is_refused_before_it_is_stored(key: str, raw: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_definition(key, raw)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("raw", "value_type"),
    [
        pytest.param(ON_OFF, "boolean", id="boolean"),
        pytest.param({"variants": {"a": 1, "b": 2}, "defaultVariant": "a"}, "integer", id="integer"),
        pytest.param({"variants": {"a": 1, "b": 2.5}, "defaultVariant": "a"}, "float", id="numbers"),
        pytest.param({"variants": {"a": "x"}, "defaultVariant": "a"}, "string", id="string"),
        pytest.param({"variants": {"a": {"k": [1]}, "b": []}, "defaultVariant": "a"}, "object", id="JSON"),
        pytest.param(ON_OFF | {"targeting": _nested(31)}, "boolean", id="as deep as allowed"),
    ],
)
def test_a_good_definition_loads_and_evaluates_to_its_type(raw: dict[str, Any], value_type: str) -> None:
    definition = parse_definition("auth.token.verify.ttlMinutes" if value_type == "integer" else "f", raw)
    assert definition.value_type == value_type
    found = FlagSet({"f": definition}).evaluate("f", {})
    assert (found.key, found.value) == ("f", definition.default)


def test_a_stored_definition_is_the_same_after_a_round_trip() -> None:
    definition = boolean_flag(on=True, metadata={"perMinute": 3})
    assert Definition.model_validate(definition.stored()) == definition


_rules = st.recursive(
    st.sampled_from(["on", "off", 1, True, None]) | st.just({"var": "x"}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(st.sampled_from(["if", "and", "in", "!", "nope"]), st.lists(inner)).map(
            lambda pair: {pair[0]: pair[1]}
        )
    ),
    max_leaves=20,
)


@given(_rules)
def test_whatever_is_accepted_evaluates_without_raising(rule: Any) -> None:
    try:
        definition = parse_definition("f", ON_OFF | {"targeting": {"if": [rule, "on", "off"]}})
    except Refused:
        return
    FlagSet({"f": definition}).evaluate("f", {"x": [1, "on"]})
    assert depth(definition.targeting) <= 32
