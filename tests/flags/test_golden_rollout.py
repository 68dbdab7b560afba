"""Who is in which bucket of a gradual rollout never changes: not with a version, not with a library, not by chance."""

import json
from pathlib import Path
from typing import Any

import pytest

from spine.flag import Evaluation, FlagSet, parse_definition

GOLDEN: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("golden_rollout.json").read_text(encoding="utf-8")
)
RULES: dict[str, tuple[str, list[str], dict[str, Any], str]] = {
    "shop.checkout": ("shop.checkout", ["new", "old"], {"fractional": [["new", 25], ["old", 75]]}, "targetingKey"),
    "shop.thirds": ("shop.thirds", ["a", "b", "c"], {"fractional": [["a", 1], ["b", 1], ["c", 1]]}, "targetingKey"),
    "by e-mail": (
        "shop.mail", ["a", "b"], {"fractional": [{"cat": ["salt", {"var": "email"}]}, ["a", 10], ["b", 90]]}, "email",
    ),
}  # fmt: skip


def _flag(key: str, variants: list[str], rule: dict[str, Any]) -> FlagSet:
    raw = {"variants": {v: v for v in variants}, "defaultVariant": variants[-1], "targeting": rule}
    return FlagSet({key: parse_definition(key, raw)})


def _bucket(loaded: FlagSet, key: str, context: dict[str, str]) -> str:
    found = loaded.evaluate(key, context)
    assert isinstance(found, Evaluation)
    return str(found.value)


def _murmur3(data: bytes) -> int:
    """MurmurHash3 x86 32 bit with seed 0, written from its description: a second opinion."""
    mask, h = 0xFFFFFFFF, 0
    for at in range(0, len(data) - len(data) % 4, 4):
        k = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & mask
        h ^= ((k << 15 | k >> 17) & mask) * 0x1B873593 & mask
        h = (((h << 13 | h >> 19) & mask) * 5 + 0xE6546B64) & mask
    if rest := data[len(data) - len(data) % 4 :]:
        k = int.from_bytes(rest, "little") * 0xCC9E2D51 & mask
        h ^= ((k << 15 | k >> 17) & mask) * 0x1B873593 & mask
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


def _cbor_text(text: str) -> bytes:
    raw = text.encode()
    head = bytes([0x60 + len(raw)]) if len(raw) < 24 else bytes([0x78, len(raw)])
    return head + raw


@pytest.mark.parametrize("name", GOLDEN)
def test_buckets_are_what_they_have_always_been(name: str) -> None:
    key, variants, rule, says = RULES[name]
    loaded = _flag(key, variants, rule)
    assert {user: _bucket(loaded, key, {says: user}) for user in GOLDEN[name]} == GOLDEN[name]


def test_a_bucket_is_the_hash_of_flag_and_user_as_the_format_has_it() -> None:
    """flagd hashes the CBOR of [flag key, targeting key]; scaled to the sum of the weights."""
    for user, variant in GOLDEN["shop.checkout"].items():
        scaled = _murmur3(b"\x82" + _cbor_text("shop.checkout") + _cbor_text(user)) * 100 >> 32
        assert variant == ("new" if scaled < 25 else "old"), user


def test_a_quarter_is_a_quarter_and_who_is_in_stays_in_when_it_grows() -> None:
    steps = [_flag("shop.x", ["new", "old"], {"fractional": [["new", n], ["old", 100 - n]]}) for n in (1, 25, 60)]
    reached = [
        {u for u in range(8_000) if _bucket(loaded, "shop.x", {"targetingKey": f"user-{u}"}) == "new"}
        for loaded in steps
    ]
    assert 0.005 < len(reached[0]) / 8_000 < 0.016
    assert 0.235 < len(reached[1]) / 8_000 < 0.265
    assert 0.58 < len(reached[2]) / 8_000 < 0.62
    assert reached[0] < reached[1] < reached[2]


def test_rollouts_of_two_flags_reach_different_people() -> None:
    rule = {"fractional": [["new", 50], ["old", 50]]}
    one, other = (_flag(key, ["new", "old"], rule) for key in ("shop.one", "shop.other"))
    users = [{"targetingKey": f"user-{n}"} for n in range(2_000)]
    both = sum(_bucket(one, "shop.one", u) == _bucket(other, "shop.other", u) for u in users)
    assert 900 < both < 1100
