"""What the answer of a receiving server means for whoever may mend it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.mail.smtp import Why, why


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("421", Why.SERVICE),
        ("421 4.7.0 try again later", Why.SERVICE),
        ("421-4.2.0", Why.SERVICE),
        ("4.4.1", Why.SERVICE),
        ("5.3.4", Why.SERVICE),
        ("535", Why.SERVICE),
        ("450 4.2.0 greylisted", Why.PUT_OFF),
        ("451 4.7.1 come back in 300 s", Why.PUT_OFF),
        ("451", Why.PUT_OFF),
        ("5.7.1", Why.DISBELIEVED),
        ("550-5.7.26 unauthenticated", Why.DISBELIEVED),
        ("421-4.7.26", Why.DISBELIEVED),
        ("550 5.1.1 no such user", Why.ADDRESS),
        ("553", Why.ADDRESS),
        ("552 5.2.2 over quota", Why.MAILBOX),
        ("554", Why.REFUSED),
        ("5.6.1", Why.REFUSED),
        ("250 2.0.0 fine", Why.UNSAID),
        ("192.0.2.550", Why.UNSAID),
        ("", Why.UNSAID),
        (None, Why.UNSAID),
    ],
)
def test_the_answer_says_whose_fault_it_is(status: str | None, means: Why) -> None:
    assert why(status, None, None) is means


@pytest.mark.parametrize(
    ("state", "bounce", "means"),
    [
        ("deferred", None, Why.PUT_OFF),
        ("bounced", "soft", Why.PUT_OFF),
        ("bounced", None, Why.REFUSED),
        ("deferred", "hard", Why.REFUSED),
        ("dropped", None, Why.UNSAID),
        (None, None, Why.UNSAID),
    ],
)
def test_without_an_answer_the_state_leaves_more_open(state: str | None, bounce: str | None, means: Why) -> None:
    assert why(None, state, bounce) is means


@given(st.text(alphabet="0123456789. -x", max_size=20), st.sampled_from([None, "deferred", "odd"]))
def test_any_text_means_something(status: str, state: str | None) -> None:
    assert why(status, state, None) in Why
