"""Whose fault a refused token or a failed callback is, by what its event says; and shares of sound tokens."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.attribute import ATTRIBUTES
from spine.callback import Fault, fault_of
from spine.event_type import EventType
from spine.plan import ShareLimit
from spine.share import counted
from spine.token import Flaw, Refusal, flaw_of, refusal_of
from spine.vocabulary import VOCABULARY

ACCEPTED = EventType.JWT_ACCEPTED.value
anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.text(max_size=3))
)


@pytest.mark.parametrize(
    ("said", "flaw"),
    [
        ({}, None),
        (None, None),
        ({"alg": "RS256", "alg_allowed": True, "kid_trusted": True, "binding_ok": True}, None),
        ({"alg": "none"}, Flaw.NO_ALGORITHM),
        ({"alg": " NONE "}, Flaw.NO_ALGORITHM),
        ({"alg": "HS256", "alg_allowed": False}, Flaw.ALGORITHM),
        ({"alg": "RS256", "url_trusted": False}, Flaw.ADDRESS),
        ({"kid_trusted": False}, Flaw.KEY),
        ({"binding_ok": False}, Flaw.BINDING),
        ({"kid_trusted": "false"}, None),
    ],
)
def test_what_is_wrong_with_an_accepted_token(said: Any, flaw: Flaw | None) -> None:
    assert flaw_of(said) is flaw


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"reject_reason": "unknown_kid"}, Refusal.KEY),
        ({"reject_reason": "expired"}, Refusal.IDLE),
        ({"reject_reason": "expired", "clock_skew_seconds": 300}, Refusal.CLOCK),
        ({"reject_reason": "not_yet_valid"}, Refusal.CLOCK),
        ({"reject_reason": "not_yet_valid", "clock_skew_seconds": -60}, Refusal.IDLE),
        ({"reject_reason": "alg_none"}, Refusal.HELD),
        ({"reject_reason": "revoked"}, Refusal.HELD),
        ({"reject_reason": ["unknown_kid"]}, Refusal.UNSAID),
        ({}, Refusal.UNSAID),
        (None, Refusal.UNSAID),
    ],
)
def test_why_a_token_was_refused(said: Any, refusal: Refusal) -> None:
    assert refusal_of(said) is refusal


def test_every_reason_a_token_event_may_give_is_known_but_those_of_sessions() -> None:
    reasons = set(ATTRIBUTES["reject_reason"].values) - {"unknown_session"}
    assert "reject_reason" in VOCABULARY[EventType.JWT_VALIDATION_ERROR].attributes
    assert {reason for reason in reasons if refusal_of({"reject_reason": reason}) is Refusal.UNSAID} == set()


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"oauth_error": "access_denied", "error_class": "configuration"}, Fault.USER),
        ({"oauth_error": "login_required"}, Fault.USER),
        ({"error_class": "user", "http_status": 503}, Fault.USER),
        ({"oauth_error": "redirect_uri_mismatch"}, Fault.REDIRECT),
        ({"error_code": "Invalid_Redirect_URI", "http_status": 400}, Fault.REDIRECT),
        ({"oauth_error": "invalid_client", "http_status": 503}, Fault.CLIENT),
        ({"oauth_error": "invalid_grant", "error_class": "provider"}, Fault.GRANT),
        ({"error_code": "state_mismatch"}, Fault.SESSION),
        ({"error_class": "local_state"}, Fault.SESSION),
        ({"http_status": 503}, Fault.PROVIDER),
        ({"http_status": True}, Fault.UNSAID),
        ({"http_status": 400}, Fault.UNSAID),
        ({"oauth_error": "temporarily_unavailable"}, Fault.PROVIDER),
        ({"error_class": "configuration"}, Fault.CONFIGURATION),
        ({"oauth_error": "bad_signature"}, Fault.KEYS),
        (None, Fault.UNSAID),
    ],
)
def test_whose_fault_a_callback_is(said: Any, fault: Fault) -> None:
    assert fault_of(said) is fault


@given(st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), anything))
def test_no_attributes_are_too_odd_to_be_judged(said: dict[str, Any]) -> None:
    fault_of(said)
    refusal_of(said)
    flaw_of(said)


def test_sound_and_unsound_tokens_are_shares_of_their_own() -> None:
    rows = pd.DataFrame({"type": [ACCEPTED] * 3, "attributes": [{}, {"binding_ok": False}, None]})
    limits = [
        ShareLimit(name="n", of=(ACCEPTED,), part=(ACCEPTED,), sound=sound, least=1, min_events=1)
        for sound in (True, False, None)
    ]
    assert counted(rows, limits) == ((3, 2), (3, 1), (3, 3))
