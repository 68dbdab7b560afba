"""Whatever somebody types in Slack, or events say: what is shown there fits, mentions nobody, and can be stored."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.slack_view import Reply, notice_view, told
from spine.plain import clean, cut, markup, slack

FUZZ = settings.get_profile("fuzz")
TEXT = st.text(max_size=60) | st.sampled_from(
    ["", "\x00", "\ud800", "<!channel>", "&" * 3000, "<https://a.test|b>", "\u202egnp", "a\r\nb", "x" * 9000]
)


@FUZZ
@given(TEXT, st.integers(40, 3000))
@example("&<>" * 2000, 100)
def test_text_for_slack_fits_and_holds_no_markup(text: str, limit: int) -> None:
    shown = slack(text, limit)
    assert len(shown) <= limit
    assert "<" not in shown
    assert ">" not in shown
    assert shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0
    shown.encode("utf-8")


@FUZZ
@given(TEXT, st.booleans())
@example("status \x00", False)
@example("ack \ud800", True)
def test_cleaned_text_can_be_stored_and_shown_and_cleaning_again_changes_nothing(text: str, lines: bool) -> None:
    """PostgreSQL takes no NUL and no half of a character; people must see what is there."""
    once = clean(text, lines=lines)
    assert "\x00" not in once
    once.encode("utf-8")
    assert clean(once, lines=lines) == once
    assert lines or "\n" not in once
    assert "<" not in markup(text)
    assert len(cut(once, 40)) <= 40


@FUZZ
@given(TEXT, st.just("") | st.just("https://ops.example.org/x"))
def test_a_reply_is_a_view_that_slack_takes(said: str, link: str) -> None:
    view = notice_view(Reply(said, link))
    assert view["blocks"] == told(Reply(said, link))
    section = view["blocks"][0]["text"]
    assert section["type"] == "plain_text"
    assert 1 <= len(section["text"]) <= 3000
    json.dumps(view, ensure_ascii=False).encode("utf-8")
