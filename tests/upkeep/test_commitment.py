"""Salted commitments: the digest binds every value, and stays what it was when some are erased."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from spine.commitment import Opening, commitment, erase, marker

SALT = Opening(bytes(range(16)))
WORDS = st.sampled_from(["ann", "bob", "x/y", "~", "a b", "ü", "line\nbreak"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1, 1) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries({"id": st.just("7c0ffee"), "data": VALUES, "tenant": st.just("ann")})


def personal(value: str) -> bool:
    return "ann" in value


@given(EVENTS)
def test_what_is_erased_leaves_the_digest_and_takes_every_trace(event: dict[str, Any]) -> None:
    text = rfc8785.dumps(event)
    done = erase(text, SALT, personal, "0" * 12)
    if done is None:
        assert b"ann" not in rfc8785.dumps(event["data"])
        return
    less, opening = done
    assert commitment(less, opening) == commitment(text, SALT)
    assert "ann" not in json.dumps(json.loads(less)["data"])
    assert b"7c0ffee" not in less  # made of the content: whoever guesses could make it again
    assert json.loads(less)["tenant"] == "ann"
    assert not opening.salt
    assert Opening.parse(opening.text()) == opening
    assert erase(less, opening, personal, "0" * 12) is None


@given(EVENTS, st.sampled_from(["ann", "bob"]))
def test_a_second_erasure_keeps_the_first(event: dict[str, Any], second: str) -> None:
    text = rfc8785.dumps(event)
    first = erase(text, SALT, personal, "1" * 12) or (text, SALT)
    then = erase(*first, lambda value: second in value, "2" * 12) or first
    assert commitment(*then) == commitment(text, SALT)


EVENT = rfc8785.dumps({"id": "1", "data": {"actor": "ann", "n": 7, "list": ["ann", "bob"], "empty": {}}})


@pytest.mark.parametrize("edit", [(b'"bob"', b'"eve"'), (b":7", b":8"), (b'"n"', b'"m"'), (b":{}", b":[]")])
@pytest.mark.parametrize("after", [False, True], ids=["whole", "after an erasure"])
def test_every_other_value_is_bound(edit: tuple[bytes, bytes], after: bool) -> None:
    text, opening = (erase(EVENT, SALT, personal, "a" * 12) or (b"", SALT)) if after else (EVENT, SALT)
    assert edit[0] in text
    try:
        assert commitment(text.replace(*edit), opening) != commitment(EVENT, SALT)
    except KeyError:
        assert after  # a name without a key


def test_nothing_but_a_marker_stands_where_something_was_erased() -> None:
    text, opening = erase(EVENT, SALT, personal, "a" * 12) or (b"", SALT)
    with pytest.raises(ValueError, match="something else stands there"):
        commitment(text.replace(b"[erased aaaaaaaaaaaa]", b"eve", 1), opening)


def test_the_same_value_elsewhere_has_another_digest_so_one_guess_tells_nothing_of_two_places() -> None:
    _, opening = erase(EVENT, SALT, personal, "a" * 12) or (b"", SALT)
    assert opening.erased["/data/actor"] != opening.erased["/data/list/0"]


def test_a_marker_is_twelve_hex_digits() -> None:
    with pytest.raises(ValueError, match="12 hex digits"):
        marker("ann")
