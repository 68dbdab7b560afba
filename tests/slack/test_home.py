"""The App Home: it shows what waits for this person, in time, and nothing of what is not theirs."""

import json
from datetime import timedelta
from typing import Any

import pytest

from deployments.demo.fake_slack.limit import view_error
from deployments.demo.fake_slack.workspace import Fault
from spine.approval import ApprovalStatus
from spine.ids import TenantId
from spine.incident import IncidentKind, incident_id
from spine.person import Role
from spine.plan import Gate
from spine.prompt import ACKNOWLEDGE, APPROVE, DENY
from store import incident_rows, incidents


@pytest.fixture
def homes(slack_case: Any) -> Any:
    """An open question; ana (U1) may answer it, eve (U3) only looks, ben (U2) belongs to another tenant."""
    case = slack_case.case
    slack_case.approval = case.ask()
    slack_case.ana = case.slack(case.person("ana"), "U1")
    case.slack(case.person("ben", tenant="globex"), "U2")
    case.slack(case.person("eve", Role.VIEWER), "U3")
    return slack_case


def _open(homes: Any, *users: str) -> None:
    for user in users:
        assert homes.open_home(user)["status"] == 200
    assert homes.show_homes() == len(users)


def test_it_shows_what_waits_for_whoever_opens_it_and_for_nobody_else(homes: Any) -> None:
    _open(homes, "U1", "U2", "U3", "U9")
    assert "1 decision waits for you" in homes.home("U1")
    assert "[high] FAILED_LOGINS_SPIKE acme since 2026-03-01 12:00 UTC" in homes.home("U1")
    assert "[Approve]\n[Deny]" in homes.home("U1")
    assert "Nothing waits for your decision" in homes.home("U3")
    assert "1 open incident" in homes.home("U3")
    assert "No incident is open" in homes.home("U2")
    assert "acme" not in homes.home("U2")
    assert "belongs to nobody known here" in homes.home("U9")
    assert all(view_error(home) is None for home in homes.slack.homes.values())


def test_nothing_is_published_while_nothing_changes_and_to_nobody_who_never_looked(homes: Any) -> None:
    _open(homes, "U1")
    assert [homes.show_homes() for _ in range(3)] == [0, 0, 0]
    assert list(homes.slack.homes) == ["U1"]
    homes.case.decide(homes.approval, homes.ana)
    assert homes.show_homes() == 1
    assert "Nothing waits for your decision" in homes.home("U1")


def test_opening_it_again_publishes_it_again(homes: Any) -> None:
    _open(homes, "U1")
    _open(homes, "U1")
    assert homes.slack.homes["U1"]["versions"] == 2


def test_another_tab_and_a_repeated_event_cost_nothing(homes: Any) -> None:
    homes.open_home("U1", tab="messages")
    assert homes.show_homes() == 0
    homes.open_home("U1", repeat=3)
    assert homes.show_homes() == 1


def test_a_decision_taken_there_is_a_decision(homes: Any) -> None:
    _open(homes, "U1")
    press = {"action_id": APPROVE, "value": str(homes.approval.id), "user": "U1"}
    clicked = homes._control("tab/click", press)
    homes.submit(clicked, "U1", homes.case.code(homes.ana))
    assert homes.case.get(homes.approval).status is ApprovalStatus.APPROVED
    homes.show_homes()
    assert "Nothing waits for your decision" in homes.home("U1")


def test_a_refusal_there_is_told_in_a_window(homes: Any) -> None:
    _open(homes, "U1")
    homes.case.decide(homes.approval, homes.ana)
    homes._control("tab/click", {"action_id": DENY, "value": str(homes.approval.id), "user": "U1"})
    _until(lambda: homes.slack.views)
    (window,) = homes.slack.views.values()
    assert "ana has approved this via slack" in json.dumps(window)


def test_acknowledging_there_is_seen_there(homes: Any) -> None:
    _open(homes, "U1")
    press = {"action_id": ACKNOWLEDGE, "value": str(homes.case.incident.id), "user": "U1"}
    assert homes._control("tab/click", press)["status"] == 200
    with homes.case.database.system() as connection:
        assert incidents.get(connection, homes.case.incident.id).acknowledged_at is not None
    homes.show_homes()
    assert "somebody takes care" in homes.home("U1")
    assert "[I take care]" not in homes.home("U1")


def test_one_who_has_voted_is_not_asked_again_and_the_other_one_sees_the_vote(homes: Any) -> None:
    case = homes.case
    case.slack(case.person("cleo"), "U4")
    two = case.ask(Gate.TWO_PERSON, (2,))
    case.decide(two, homes.ana)
    _open(homes, "U1", "U4")
    assert "1 decision waits for you" in homes.home("U1")
    assert "1 of 2 votes given" in homes.home("U4")


def test_what_is_too_much_is_counted_and_the_page_stays_within_slacks_limits(homes: Any) -> None:
    case = homes.case
    with case.database.system() as connection:
        for n in range(60):
            key = incident_id(TenantId("acme"), IncidentKind.FAILED_LOGINS_SPIKE, f"{n}")
            incident_rows.insert(connection, _another(case.incident, key, f"user:{n}"))
    _open(homes, "U1")
    assert view_error(homes.slack.homes["U1"]) is None
    assert "61 open incidents" in homes.home("U1")
    assert "… and 41 more; the console shows all of them." in homes.home("U1")


def test_hostile_titles_are_inert_there(homes: Any) -> None:
    with homes.case.database.system() as connection:
        incident_rows.update(connection, homes.case.incident.id, title="<!channel> <https://evil.example|x>\u202e" * 99)
    _open(homes, "U1")
    assert not set(homes.home("U1")) & set("<>\u202e")


def test_patience_is_kept_with_homes_and_messages_do_not_wait_for_it(homes: Any) -> None:
    homes.slack.faults["views.publish"] = Fault(status=429, error="ratelimited", retry_after=30, times=1)
    homes.open_home("U1")
    assert homes.show_homes() == 0
    assert homes.relay() == 1
    homes.case.clock.advance(timedelta(seconds=29))
    assert homes.show_homes() == 0
    homes.case.clock.advance(timedelta(seconds=1))
    assert homes.show_homes() == 1
    assert [method for method, _ in homes.slack.calls].count("views.publish") == 2


def test_s45_homes_are_right_again_after_an_outage(homes: Any) -> None:
    _open(homes, "U1")
    homes.slack.down = True
    homes.case.decide(homes.approval, homes.ana)
    assert homes.show_homes() == 0
    homes.slack.down = False
    homes.case.clock.advance(timedelta(minutes=2))
    assert homes.show_homes() == 1
    assert "Nothing waits for your decision" in homes.home("U1")


def test_a_publication_that_another_one_overtook_is_made_again(homes: Any) -> None:
    """Two relays: the slow one's version never covers the newer one."""
    _open(homes, "U1")
    homes.slack.publish_home("U1", {"type": "home", "blocks": []})  # another relay's, not yet noted by it
    homes.case.decide(homes.approval, homes.ana)
    homes.show_homes()
    assert homes.show_homes() == 1
    assert "Nothing waits for your decision" in homes.home("U1")


def test_homes_that_nobody_looks_at_any_more_are_forgotten(homes: Any) -> None:
    _open(homes, "U1")
    homes.case.clock.advance(timedelta(days=homes.case.settings.slack.home_days))
    assert homes.show_homes() == 0
    homes.case.decide(homes.approval, homes.ana)
    assert homes.show_homes() == 0


def _another(like: Any, key: Any, subject: str) -> Any:
    from dataclasses import replace

    return replace(like, id=key, subject=subject)


def _until(holds: Any) -> None:
    import time

    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
