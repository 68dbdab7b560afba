"""What only the application can do, by signed webhook: tell its users, and send mail again."""

import base64

import pytest
from identity_double import CUT_AFTER, once
from pydantic import ValidationError

from spine.lease import LeaseState
from spine.settings import Settings, WebhookSettings
from tasks.leasing import Ports, ports_of
from tasks.mitigations import actions
from tasks.relay import drain_channel

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


@pytest.fixture
def app(start, ledger):
    """The ledger, with an application that takes webhooks; no second effect, so that only what is asked arrives."""
    double = start("webhook")
    webhook = WebhookSettings(url=f"{double.url}/hook", secret=double.settings()["secret"])
    ledger.settings = Settings(env="prod", webhook=webhook)
    known = ports_of(ledger.settings, clock=ledger.clock)
    ledger.ports = Ports(settings=known.settings, clock=known.clock, actions=known.actions, webhook=None)
    return double


def notices(ledger) -> list[dict]:
    rows = ledger.rows("select payload from outbox where topic = 'user.notify' order by payload->>'user'")
    return [row.payload for row in rows]


def test_users_are_told_by_the_application(ledger, receiver) -> None:
    ledger.settings = Settings(env="prod", webhook=WebhookSettings(url=receiver.url, secret=SECRET))
    lease = ledger.apply(ledger.step("user.notify", "ada", "bob", message="We signed you out. Review your devices."))
    assert (lease.state, lease.receipt["read_back"]["notices"]) == (LeaseState.ACTIVE, 2)
    assert drain_channel(ledger.database, ledger.settings, ledger.clock, "webhook") == 2
    told = sorted((message for _, message in receiver.messages), key=lambda message: message["data"]["user"])
    assert [message["type"] for message in told] == ["opsspine.user.notify"] * 2
    assert told[0]["data"]["user"] == "ada"
    assert told[0]["data"]["message"] == "We signed you out. Review your devices."
    assert told[0]["tenant"] == "acme"


def test_at_most_one_notice_a_user_and_hour(ledger, app) -> None:
    ledger.apply(ledger.step("user.notify", "ada", "bob"))
    second = ledger.apply(ledger.step("user.notify", "bob", "cem", order=2))
    assert second.state is LeaseState.ACTIVE
    assert second.receipt["read_back"] == {"in_force": True, "notices": 1, "deduplicated": 1}
    assert [payload["user"] for payload in notices(ledger)] == ["ada", "bob", "cem"]
    ledger.tend(minutes=61)
    ledger.apply(ledger.step("user.notify", "bob", order=3))
    assert [payload["user"] for payload in notices(ledger)] == ["ada", "bob", "bob", "cem"]


def test_a_notice_bears_no_link() -> None:
    spec = actions()["user.notify"].spec
    for message in ("Click https://example.org", "Go to www.example.org", "See example.com/login"):
        with pytest.raises(ValidationError, match="no link"):
            spec.parse({"message": message})
    assert spec.parse({}).message


def test_mails_are_sent_again_once_and_the_application_says_so(ledger, app) -> None:
    app.mishap = once(CUT_AFTER, "POST", "/hook")
    lease = ledger.apply(ledger.step("email.retry_queue", token="verification", per_second=2))
    assert lease.state is LeaseState.UNKNOWN
    ledger.tend(seconds=61)
    done = ledger.lease(lease.id)
    assert done.state is LeaseState.ACTIVE
    assert done.receipt["read_back"]["sent"] == 3
    (asked,) = [entry["asked"] for entry in app.queue.values()]
    assert (asked["token"], asked["per_second"], asked["most"]) == ("verification", 2, 10000)
    assert (asked["newest_per_user"], asked["live_links_only"]) == (True, True)
    assert len(app.queue) == 1


def test_an_application_that_knows_nothing_of_it_has_not_done_it(ledger, app) -> None:
    app.act = lambda *_: None
    lease = ledger.apply(ledger.step("email.retry_queue"))
    assert lease.state is LeaseState.UNKNOWN
    assert "read-back says otherwise" in lease.error


def test_no_more_mails_and_no_faster_than_the_registry_says() -> None:
    spec = actions()["email.retry_queue"].spec
    for params in ({"most": 10_001}, {"per_second": 51}, {"per_second": 0.5}):
        with pytest.raises(ValidationError):
            spec.parse(params)
