"""PagerDuty through real HTTP: one alert for each incident, from its call to its end."""

from collections.abc import Callable
from typing import Any

import pytest

from deployments.port import free_port
from spine.clock import SystemClock
from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred, Topic
from spine.settings import PagerDutySettings, Settings
from spine.severity import Severity
from tasks.notifiers import Ports
from tasks.notifiers.pagerduty import send

KEY = "R0123456789ABCDEF0123456789ABCDE"
News = Callable[..., Message]


@pytest.fixture
def pager(doubles: Any) -> Any:
    return doubles.pagerduty({KEY})


def ports(url: str, key: str | None = KEY) -> Ports:
    return Ports(Settings(pagerduty=PagerDutySettings(routing_key=key, base_url=url)), SystemClock())


def test_an_incident_is_triggered_acknowledged_and_resolved_under_one_key(pager: Any, news: News) -> None:
    topics = [Topic.INCIDENT_OPENED, Topic.PAGE, Topic.INCIDENT_ACKNOWLEDGED, Topic.INCIDENT_RESOLVED]
    receipts = [send(news(topic), ports(pager.url)).detail for topic in topics]
    assert [event["event_action"] for event in pager.heard] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in pager.heard} | {receipt["dedup_key"] for receipt in receipts}) == 1
    assert KEY not in str(receipts)


def test_the_event_says_what_happened_where_and_how_bad_it_is(pager: Any, news: News) -> None:
    send(news(severity=Severity.HIGH), ports(pager.url))
    (event,) = pager.heard
    payload = event["payload"]
    assert (payload["severity"], payload["group"], payload["class"]) == ("error", "acme", "FAILED_LOGINS_SPIKE")
    assert payload["summary"].startswith("App: Incident opened")
    assert payload["timestamp"] == "2026-03-01T12:00:00+00:00"
    assert payload["custom_details"]["Evidence"][1] == "naïve <b> X-Injected: 1"
    assert event["client_url"].endswith("/admin/auth-ops/incidents/" + event["dedup_key"].removeprefix("opsspine:"))


def test_a_very_long_headline_still_fits(pager: Any, news: News) -> None:
    send(news(headline="é" * 5000), ports(pager.url))
    assert len(pager.heard[0]["payload"]["summary"]) == 1024


@pytest.mark.parametrize("topic", [Topic.MITIGATION_APPLIED, Topic.APPROVAL_DECIDED, Topic.DIGEST])
def test_what_calls_nobody_is_not_its_business(pager: Any, news: News, topic: Topic) -> None:
    assert "skipped" in send(news(topic), ports(pager.url)).detail
    assert pager.heard == []


def test_a_wrong_key_is_told_once_and_not_tried_again(pager: Any, news: News) -> None:
    with pytest.raises(Broken, match=r"400.*routing_key.*check the integration key") as raised:
        send(news(), ports(pager.url, "X" * 32))
    assert "X" * 32 not in str(raised.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [((429, {}, {"retry-after": "7"}), Deferred), ((500, {}, {}), Transient), ((503, {}, {}), Transient)],
    ids=["too-many", "error", "away"],
)
def test_its_troubles_are_waited_for(pager: Any, news: News, fault: Any, kind: type[Exception]) -> None:
    pager.faults.append(fault)
    with pytest.raises(kind) as raised:
        send(news(), ports(pager.url))
    if isinstance(raised.value, Deferred):
        assert raised.value.retry_after is not None
        assert raised.value.retry_after.total_seconds() == 7
    assert send(news(), ports(pager.url)).detail["status"] == 202


def test_nobody_there_and_not_set_up_are_the_channels_trouble(news: News) -> None:
    with pytest.raises(Deferred, match="cannot be reached"):
        send(news(), ports(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(Deferred, match="OPSSPINE_PAGERDUTY__ROUTING_KEY"):
        send(news(), ports("http://127.0.0.1:1", None))
