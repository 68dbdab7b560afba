"""Whatever a definition, a file of them or a context says: a flag is refused with its reason, or it answers."""
# ruff: noqa: PT017 - to be refused and to be taken are both right; what is checked is how

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.ofrep import BadRequest, _context, _rendered
from spine.errors import Refused
from spine.flag import file as flag_file
from spine.flag.definition import parse_definition
from spine.flag.evaluate import Evaluation, Failure, FlagSet
from store.keys import ApiKey

FUZZ = settings.get_profile("fuzz")
TEXT = st.text(max_size=8) | st.sampled_from(["on", "off", "\x00", "\ud800", "targetingKey", "ip", "$flagd", "email"])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(10**400)
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
)
OPERATORS = ("if", "var", "==", "===", "!=", "!", "!!", "<", ">", "and", "or", "in", "cat", "+", "-", "*", "/", "%",
             "min", "max", "map", "filter", "reduce", "all", "none", "some", "merge", "substr", "missing",
             "missing_some", "fractional", "starts_with", "ends_with", "sem_ver", "log", "$ref", "method")  # fmt: skip
RULE = st.recursive(
    SCALAR, lambda inner: st.dictionaries(st.sampled_from(OPERATORS), inner | st.lists(inner, max_size=4), max_size=2)
    | st.lists(inner, max_size=3), max_leaves=15,
)  # fmt: skip
DEFINITION = st.fixed_dictionaries(
    {"variants": st.dictionaries(TEXT, JSON, max_size=3) | st.just({"on": True, "off": False}),
     "defaultVariant": st.sampled_from(["on", "off"]) | JSON},
    optional={"targeting": RULE, "state": st.just("ENABLED") | JSON, "metadata": JSON, "other": JSON},
)  # fmt: skip
CONTEXT = st.dictionaries(TEXT, JSON, max_size=5)


def deep(levels: int) -> Any:
    rule: Any = "on"
    for _ in range(levels):
        rule = {"if": [True, rule]}
    return rule


@FUZZ
@given(TEXT | st.just("shop.open"), DEFINITION | st.dictionaries(TEXT, JSON, max_size=4), st.lists(CONTEXT, max_size=3))
@example("shop.open", {"variants": {"on": True, "off": False}, "defaultVariant": "on", "targeting": deep(900)}, [{}])
@example("shop.open", {"variants": {"on": True, "off": False}, "defaultVariant": "on", "targeting": deep(30)}, [{}])
@example("shop.n", {"variants": {"a": 1e308, "b": 1}, "defaultVariant": "a", "targeting": {"*": [1e308, 1e308]}}, [{}])
def test_a_definition_is_refused_or_answers_every_context(key: str, raw: dict[str, Any], contexts: list[Any]) -> None:
    try:
        definition = parse_definition(key, raw)
    except Refused as refusal:
        assert refusal.code.startswith("flag.")
        return
    json.dumps(definition.stored(), allow_nan=False).encode()
    held = FlagSet({key: definition})
    for context in [{}, *contexts]:
        found = held.evaluate(key, context)
        assert isinstance(found, Evaluation | Failure)
        json.dumps(_rendered(found))
        if isinstance(found, Evaluation):
            assert found.value in definition.variants.values(), "an answer is always one of the variants"


@FUZZ
@given(st.dictionaries(TEXT, DEFINITION, max_size=4).map(lambda flags: {"flags": flags}) | JSON)
@example({"flags": {"a": {"targeting": {"$ref": "x"}}}, "$evaluators": {"x": {"$ref": "x"}}})
def test_a_file_of_flags_is_taken_flag_by_flag_or_refused(document: Any) -> None:
    try:
        good, bad = flag_file.read(document)
    except Refused as refusal:
        assert refusal.code.startswith("flag.")
        return
    assert not set(good) & set(bad)


@FUZZ
@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b"9" * 6000)
@example(b'{"context": {"tenant": "other"}}')
def test_a_body_of_ofrep_is_a_context_of_the_keys_tenant_or_a_bad_request(body: bytes) -> None:
    caller = ApiKey.__new__(ApiKey)
    object.__setattr__(caller, "tenant_id", "shop")
    try:
        context = _context(body, caller)
    except BadRequest as refusal:
        assert refusal.args is not None
        return
    assert context["tenant"] == "shop"
    FlagSet({}).evaluate("shop.open", context)
