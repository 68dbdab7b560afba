"""One thread an incident: its first message is kept current, replies tell the news, and the newest edit wins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from deployments.demo.fake_slack.limit import message_error
from deployments.demo.fake_slack.workspace import Fault
from spine.card import told as story
from spine.ids import mint
from spine.incident import IncidentStatus
from spine.notification import Topic
from spine.prompt import ACKNOWLEDGE
from spine.severity import Severity
from store import attend, incidents, outbox, slack_posts
from tasks import relay as relaying
from tasks.notifiers import notifiers


@pytest.fixture
def thread(slack_case: Any) -> Any:
    """An incident that has been told in Slack; ana (U1) commands it."""
    case = slack_case.case
    slack_case.ana = case.slack(case.person("ana"), "U1")

    def tell(
        dedupe: str, topic: Topic = Topic.INCIDENT_OPENED, severity: Severity = Severity.HIGH, **more: Any
    ) -> None:
        with case.database.system() as connection:
            outbox.put(
                connection, case.tenant, topic, {"incident": str(case.incident.id), **more}, severity=Severity.HIGH,
                incident_id=case.incident.id, dedupe=dedupe, now=case.clock.now(), channels=["slack"],
            )  # fmt: skip

    def move(status: IncidentStatus, said: str) -> None:
        with case.database.system() as connection:
            incidents.transition(
                connection, case.incident.id, status, at=case.clock.now(), actor="engine", summary=said
            )

    def later(seconds: float = 2) -> int:
        case.clock.advance(timedelta(seconds=seconds))
        return int(slack_case.relay())

    slack_case.tell, slack_case.move, slack_case.later = tell, move, later
    tell("opened")
    slack_case.relay()
    return slack_case


def shown(message: dict[str, Any]) -> str:
    """All that a message says."""
    return str(message["text"]) + str(message["blocks"])


def test_the_first_message_follows_the_incident_from_its_opening_to_its_end(thread: Any) -> None:
    root = thread.root()
    assert "🔴" in shown(root)
    assert "Status: open" in shown(root)
    assert "nobody yet" in shown(root)
    for status, said, mark in (
        (IncidentStatus.AWAITING_APPROVAL, "Waiting for approval", "🟠"),
        (IncidentStatus.MITIGATING, "Mitigating: ip.1", "🟡"),
        (IncidentStatus.VERIFYING, "Verifying until 12:10", "🟡"),
        (IncidentStatus.ROLLING_BACK, "Rolling back: it did harm", "🟡"),
        (IncidentStatus.RESOLVED, "Resolved: nothing of it is left", "✅"),
    ):
        thread.move(status, said)
        assert thread.later() == 1
        assert said in shown(thread.root())
        assert mark in shown(thread.root())
    assert (thread.root()["ts"], thread.root()["versions"]) == (root["ts"], 6)
    assert [button["text"] for button in thread.root()["buttons"]] == ["Open the console"]
    assert thread.later(3600) == 0


def test_news_are_replies_and_a_question_is_shown_to_everybody_until_it_is_answered(thread: Any) -> None:
    approval = thread.case.ask()
    thread.later()
    root, prompt = thread.root(), thread.prompt
    assert (prompt["thread_ts"], prompt["broadcast"]) == (root["ts"], True)
    thread.case.decide(approval, thread.ana)
    while thread.later():
        pass
    assert thread.prompt["buttons"] == []
    assert "ana approved via slack" in shown(thread.root())
    thread.tell("applied", Topic.MITIGATION_APPLIED, action="ip.1")
    thread.later()
    assert [message["thread_ts"] for message in thread.messages()] == [None, root["ts"], root["ts"]]


def test_who_takes_care_is_shown_and_the_button_is_gone(thread: Any) -> None:
    press = {"ts": thread.root()["ts"], "action_id": ACKNOWLEDGE, "user": "U1"}
    assert thread._control("click", press)["status"] == 200
    thread.later()
    assert "ana@example.org, since" in shown(thread.root())
    assert ACKNOWLEDGE not in [button["action_id"] for button in thread.root()["buttons"]]


@pytest.mark.parametrize("user", ["U6", "U9"], ids=["another-tenant", "unknown"])
def test_the_button_of_an_incident_does_nothing_for_who_has_no_part_in_it(thread: Any, user: str) -> None:
    thread.case.slack(thread.case.person("ben", tenant="globex"), "U6")
    thread._control("click", {"ts": thread.root()["ts"], "action_id": ACKNOWLEDGE, "user": user})
    with thread.case.database.system() as connection:
        assert incidents.get(connection, thread.case.incident.id).acknowledged_at is None


def test_a_burst_of_changes_is_one_edit_an_interval(thread: Any) -> None:
    for number in range(20):
        _note(thread, f"note {number}")
        thread.relay()
    assert thread.root()["versions"] == 1
    assert thread.later() == 1
    assert "note 19" in shown(thread.root())
    assert thread.root()["versions"] == 2


def test_a_question_without_a_thread_opens_one_and_is_kept_current_too(slack_case: Any) -> None:
    """As in a storm that folded the opening, and in a drill."""
    case = slack_case.case
    case.ask()
    slack_case.relay()
    _note(slack_case, "a note of somebody")
    case.clock.advance(timedelta(seconds=2))
    slack_case.relay()
    assert "a note of somebody" in shown(slack_case.prompt)
    assert [button["text"] for button in slack_case.prompt["buttons"]] == ["Approve", "Deny"]


def test_an_edit_that_another_relay_raced_is_made_again_from_what_is_known_then(
    thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = notifiers()["slack"]

    def raced(message: Any, ports: Any) -> Any:
        with thread.case.database.system() as connection:
            slack_posts.begin(connection, message.edit.post)  # another relay begins with what it knows
        return real(message, ports)

    _note(thread, "first")
    monkeypatch.setattr(relaying, "notifiers", lambda: {"slack": raced})
    assert thread.later() == 0
    monkeypatch.setattr(relaying, "notifiers", lambda: {"slack": real})
    _note(thread, "second")
    assert thread.later() == 1
    assert "second" in shown(thread.root())
    assert thread.later(60) == 0


def test_of_two_edits_that_overlap_neither_counts_and_the_next_one_does(thread: Any) -> None:
    case, where = thread.case, {"channel": "C0OPS", "ts": thread.root()["ts"]}
    with case.database.system() as connection:
        post = slack_posts.root(connection, case.incident.id, "")

    def finish(turn: int) -> bool:
        with case.database.system() as connection:
            return slack_posts.finish(connection, post.id, turn, 1, where, settled=False, now=case.clock.now())

    def begin() -> int:
        with case.database.system() as connection:
            return slack_posts.begin(connection, post.id)

    slow, quick = begin(), begin()
    assert [finish(slow), finish(quick)] == [False, False]
    slow, quick = begin(), begin()
    assert [finish(quick), finish(slow)] == [True, False]
    assert finish(begin())


def test_patience_with_edits_holds_up_no_message(thread: Any) -> None:
    thread.slack.faults["chat.update"] = Fault(status=429, error="ratelimited", retry_after=30, times=1)
    _note(thread, "a note")
    assert thread.later() == 0
    thread.case.ask()
    assert thread.relay() == 1
    _note(thread, "another")
    assert thread.later(27) == 0
    assert [method for method, _ in thread.slack.calls].count("chat.update") == 1
    thread.later(3)
    while thread.later():
        pass
    assert "another" in shown(thread.root())


def test_s45_what_happened_while_slack_was_away_is_shown_on_its_return(thread: Any) -> None:
    thread.slack.down = True
    thread.move(IncidentStatus.RESOLVED, "Resolved: it went away")
    for _ in range(30):
        assert thread.later(600) == 0
    thread.slack.down = False
    for _ in range(3):
        thread.later(60)
    assert "Resolved: it went away" in shown(thread.root())
    assert "✅" in shown(thread.root())


def test_a_first_message_that_somebody_deleted_is_posted_anew_and_followed(thread: Any) -> None:
    thread.slack.messages.clear()
    _note(thread, "a note")
    thread.later()
    root = thread.root()
    assert "a note" in shown(root)
    thread.tell("up", Topic.INCIDENT_UPDATED)
    thread.later()
    assert thread.messages()[-1]["thread_ts"] == root["ts"]


def test_a_reply_whose_relay_died_after_posting_is_not_posted_twice(thread: Any) -> None:
    thread.tell("up", Topic.INCIDENT_ESCALATED, reason="nobody answered")
    thread.relay()
    with thread.case.database.system() as connection:
        connection.execute(
            text("update outbox set status = 'pending', receipt = null, sent_at = null where topic like '%escalated'")
        )
    thread.relay()
    assert len(thread.messages()) == 2


@pytest.mark.parametrize("said", ["<!channel> & <b>" * 50, "x" * 5000, "\u202e\x07 ok", "`*_~"])
def test_s44_a_long_and_hostile_story_fits_and_says_what_is_left_out(thread: Any, said: str) -> None:
    for _ in range(120):
        _note(thread, said)
    thread.later()
    assert message_error("x", thread.root()["blocks"]) is None
    assert "lines are left out; the console has them" in shown(thread.root())
    assert not set(shown(thread.root())) & set("<>\u202e\x07")


def test_a_short_story_is_told_whole() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    lines = [{"at": at, "kind": "run", "summary": "noise"}, {"at": at, "kind": "opened", "summary": "Opened"}]
    assert story(lines) == ("12:00:00  Opened",)


def _note(case: Any, said: str) -> None:
    with case.case.database.system() as connection:
        attend.note(
            connection, case.case.tenant, case.case.incident.id, said.replace("\x00", ""), actor=f"person:{mint()}",
            now=case.case.clock.now(),
        )  # fmt: skip
