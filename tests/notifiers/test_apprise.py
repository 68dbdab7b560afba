"""Apprise: services by URL, through its own JSON service over real HTTP. No URL is ever told to anybody."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from deployments.port import free_port
from spine.clock import SystemClock
from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred
from spine.settings import AppriseSettings, Settings
from tasks.notifiers import Ports
from tasks.notifiers.apprise import send

News = Callable[..., Message]


def ports(**urls: str) -> Ports:
    return Ports(Settings(apprise=AppriseSettings(urls=urls, timeout_seconds=5)), SystemClock())


def at(url: str, secret: str = "s3cr3t") -> str:
    return url.replace("http://", f"json://user:{secret}@") + "/notify"


def test_a_service_is_told_title_and_text(doubles: Any, news: News) -> None:
    service = doubles.services()
    receipt = send(news(), ports(push=at(service.url)))
    assert receipt.detail == {"services": ["push"]}
    (told,) = service.heard
    assert told["title"] == "App: Incident opened: FAILED_LOGINS_SPIKE (acme)"
    assert "Impact 412 events" in told["message"]
    assert told["type"] == "failure"
    assert "\r" not in told["message"]


def test_one_that_took_it_is_enough_and_the_others_are_named(doubles: Any, news: News) -> None:
    service, gone = doubles.services(), f"http://127.0.0.1:{free_port()}"
    assert send(news(), ports(push=at(service.url), sms=at(gone))).detail == {"services": ["push"], "missed": ["sms"]}


def test_nobody_took_it_and_no_secret_is_told(news: News, caplog: pytest.LogCaptureFixture) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    with caplog.at_level(logging.DEBUG), pytest.raises(Transient, match=r"no service of Apprise .*sms") as raised:
        send(news(), ports(sms=at(gone, "hunter2")))
    assert "hunter2" not in str(raised.value) + caplog.text


def test_what_is_no_url_of_apprise_will_never_work(news: News) -> None:
    with pytest.raises(Broken, match="no URL that Apprise knows") as raised:
        send(news(), ports(push="nonsense://hunter2"))
    assert "hunter2" not in str(raised.value)


def test_not_set_up_is_the_channels_trouble(news: News) -> None:
    with pytest.raises(Deferred, match="OPSSPINE_APPRISE__URLS"):
        send(news(), ports())
