"""Webhooks reach the receiver that was meant, and no machine of ours that a name was made to lead to."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from spine.clock import SystemClock
from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred
from spine.settings import Settings, WebhookSettings, WebhookTarget
from tasks.notifiers import Ports
from tasks.notifiers.webhook import send
from tasks.outward import checked

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
News = Callable[..., Message]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names resolve to; others are not there."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if host.replace(".", "").isdigit() or ":" in host:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr("tasks.outward.socket.getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.5"], ["127.0.0.1"], ["169.254.169.254"], ["93.184.215.14", "192.168.1.1"], ["::1"], ["::ffff:10.0.0.1"]],
    ids=",".join,
)
def test_a_name_that_leads_inside_is_refused(names: dict[str, list[str]], addresses: list[str]) -> None:
    names["hooks.example.org"] = addresses
    with pytest.raises(Broken, match="leads to an address of no receiver"):
        checked("hooks.example.org", 443, [])


def test_networks_of_ours_can_be_allowed_but_never_the_clouds_own(names: dict[str, list[str]]) -> None:
    names["hooks.example.org"] = ["10.0.0.5"]
    assert checked("hooks.example.org", 443, ["10.0.0.0/8"]) == ["10.0.0.5"]
    names["hooks.example.org"] = ["169.254.169.254"]
    with pytest.raises(Broken, match="link-local"):
        checked("hooks.example.org", 443, ["0.0.0.0/0"])


def test_an_address_that_was_written_was_meant_but_link_local_never_is(names: dict[str, list[str]]) -> None:
    assert checked("10.1.2.3", 443, []) == ["10.1.2.3"]
    for never in ("169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"):
        with pytest.raises(Broken, match="no receiver"):
            checked(never, 443, [])


def test_a_name_that_is_nowhere_is_waited_for(names: dict[str, list[str]]) -> None:
    with pytest.raises(Deferred, match="has no address"):
        checked("gone.example.org", 443, [])


def test_the_checked_address_is_used_whatever_the_name_says_later(
    names: dict[str, list[str]], receiver: Any, news: News
) -> None:
    names["hooks.example.org"] = ["127.0.0.1"]
    port = receiver.url.split(":")[2].split("/")[0]
    hook = WebhookSettings(url=f"http://hooks.example.org:{port}/hook", secret=SECRET, networks=["127.0.0.0/8"])
    assert send(news(), Ports(Settings(webhook=hook), SystemClock())).detail == {"status": 204}
    headers, event = receiver.messages[0]
    assert headers["host"].startswith("hooks.example.org")
    assert (event["type"], event["data"]["incident"]) == ("opsspine.incident.opened", news().data["incident"])


def test_a_redirect_is_not_followed(receiver: Any, news: News) -> None:
    receiver.answer = lambda _: 302
    with pytest.raises(Transient, match="302"):
        send(news(), Ports(Settings(webhook=WebhookSettings(url=receiver.url, secret=SECRET)), SystemClock()))
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("url", ["ftp://example.org/x", "file:///etc/passwd", "http://[::1", "https://"])
def test_other_schemes_are_no_receivers(url: str, news: News) -> None:
    with pytest.raises(Broken):
        send(news(), Ports(Settings(webhook=WebhookSettings(url=url, secret=SECRET)), SystemClock()))


def test_more_receivers_have_secrets_of_their_own() -> None:
    hook = WebhookSettings(targets={"crm": WebhookTarget(url="https://crm.example.org", secret="whsec_abc")})
    assert "whsec_abc" not in repr(Settings(webhook=hook))
