"""Our incidents at an Alertmanager: one alert each, that fires until the incident is over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spine.clock import ManualClock
from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred, Topic
from spine.settings import AlertmanagerSettings, Settings
from tasks.notifiers import Ports
from tasks.notifiers.alertmanager import send

News = Callable[..., Message]
NOW = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


@pytest.fixture
def manager(doubles: Any) -> Any:
    return doubles.alertmanager()


def ports(url: str | None, **more: Any) -> Ports:
    return Ports(Settings(alertmanager=AlertmanagerSettings(url=url, **more)), ManualClock(NOW))


def firing(posted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert for alert in posted if datetime.fromisoformat(alert["endsAt"]) > NOW]


def test_an_incident_fires_until_it_is_resolved(manager: Any, news: News) -> None:
    send(news(), ports(manager.url))
    (alert,) = firing(manager.heard[0])
    assert alert["labels"] | {"incident": ""} == {
        "alertname": "OpsspineIncident", "incident": "", "type": "FAILED_LOGINS_SPIKE", "tenant": "acme",
        "severity": "critical",
    }  # fmt: skip
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-03-01T11:58:00+00:00", (NOW + timedelta(days=1)).isoformat())
    assert "Impact 412 events" in alert["annotations"]["description"]
    send(news(Topic.INCIDENT_RESOLVED), ports(manager.url))
    assert firing(manager.heard[1]) == []
    assert alert["labels"] in [one["labels"] for one in manager.heard[1]]


def test_when_the_severity_changes_the_alert_of_the_old_one_ends(manager: Any, news: News) -> None:
    send(news(data={"severity": 2}), ports(manager.url))
    send(news(Topic.INCIDENT_UPDATED, data={"severity": 3}), ports(manager.url))
    (before,), (after,) = firing(manager.heard[0]), firing(manager.heard[1])
    assert (before["labels"]["severity"], after["labels"]["severity"]) == ("high", "critical")
    assert before["labels"] in [one["labels"] for one in manager.heard[1] if one not in firing(manager.heard[1])]


def test_it_says_who_it_is_where_it_is_asked(manager: Any, news: News) -> None:
    send(news(), ports(manager.url, bearer="t0ken"))
    send(news(), ports(manager.url, username="ops", password="pw"))
    assert [headers["authorization"].split()[0] for headers in manager.headers] == ["Bearer", "Basic"]


def test_what_is_no_incident_is_not_posted(manager: Any, news: News) -> None:
    assert "skipped" in send(news(Topic.APPROVAL_VOTED), ports(manager.url)).detail
    assert manager.heard == []


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Broken), (500, Transient), (503, Deferred)], ids=["wrong", "error", "away"]
)
def test_its_troubles(manager: Any, news: News, status: int, kind: type[Exception]) -> None:
    manager.faults.append((status, {}, {}))
    with pytest.raises(kind):
        send(news(), ports(manager.url))


def test_not_set_up(news: News) -> None:
    with pytest.raises(Deferred, match="OPSSPINE_ALERTMANAGER__URL"):
        send(news(), ports(None))
