"""Mail that goes encrypted or not at all, and hostile text that stays text."""

import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller

from deployments.port import free_port
from spine.clock import SystemClock
from spine.message import Message, Section
from spine.notification import Deferred
from spine.settings import Settings, SmtpSettings
from tasks.notifiers import Ports
from tasks.notifiers.email import render, send

News = Callable[..., Message]


class Mailbox:
    """Takes mail, and remembers whether it came encrypted."""

    def __init__(self) -> None:
        self.mails: list[tuple[EmailMessage, bool, list[str]]] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((mail, session.ssl is not None, envelope.rcpt_tos))
        return "250 OK"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(mailbox: Mailbox, authority: trustme.CA) -> Iterator[Controller]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    started = Controller(mailbox, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True)
    started.start()
    yield started
    started.stop()


def ports(server: Controller, to: str = "ops@example.org") -> Ports:
    smtp = SmtpSettings(host="localhost", port=server.port, sender="spine@example.org")
    return Ports(Settings(smtp=smtp, admin_email=to), SystemClock())


def test_mail_goes_by_starttls_to_a_server_whose_certificate_checks(
    server: Controller, mailbox: Mailbox, authority: trustme.CA, news: News, tmp_path: Path, monkeypatch: Any
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    send(news(), ports(server, "ann@example.org, bob@example.org"))
    ((_, encrypted, to),) = mailbox.mails
    assert (encrypted, to) == (True, ["ann@example.org", "bob@example.org"])


def test_a_server_nobody_vouches_for_gets_nothing(server: Controller, mailbox: Mailbox, news: News) -> None:
    with pytest.raises(Deferred, match="certificate verify failed"):
        send(news(), ports(server))
    assert mailbox.mails == []


@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: eve@example.org", "x\nContent-Type: text/html", "x\x00y", "\u202ex\u2028y"]
)
def test_s44_text_from_outside_forges_no_header_and_no_markup(news: News, evil: str) -> None:
    message = news(title=evil, headline=f"{evil}<script>", sections=(Section("Evidence", (f"{evil}<img src=x>",)),))
    mail = message_from_bytes(
        render(message, Settings(admin_email="ops@example.org")).as_bytes(), policy=policy.default
    )
    assert (mail["Bcc"], mail["To"], mail.get_content_type()) == (None, "ops@example.org", "multipart/alternative")
    page = mail.get_body(("html",))
    assert page is not None
    assert "<script>" not in page.get_content()
    assert "<img" not in page.get_content()
    assert "\x00" not in str(mail["Subject"]) + page.get_content()


def test_an_address_that_would_forge_a_header_stops_the_mail(news: News) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        render(news(), Settings(admin_email="ops@example.org\r\nBcc: eve@example.org"))
