"""Mail, through a real SMTP server on a real port."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from deployments.port import free_port
from spine.clock import SystemClock
from spine.errors import Broken, Transient
from spine.message import Message, Question, Section
from spine.notification import Deferred, Topic
from spine.settings import Settings, SmtpSettings
from spine.severity import Severity
from tasks.notifiers import Ports
from tasks.notifiers.email import send

MESSAGE = Message(
    id=UUID(int=7), tenant="acme", topic=Topic.APPROVAL_REQUESTED, severity=Severity.HIGH,
    at=datetime(2026, 3, 1, 12, tzinfo=UTC), title="App: Approval needed", headline="[high] FAILED_LOGINS_SPIKE acme",
    sections=(Section("Evidence", ("Addresses: 192.0.2.1", "naïve <b>")),),
    question=Question(approval=UUID(int=9), open=True), data={"incident": "i-1"},
)  # fmt: skip


class Mailbox:
    """Takes mail, or refuses it with `refusal`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal: str | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def ports(mailbox: Mailbox) -> Iterator[Ports]:
    server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    server.start()
    smtp = SmtpSettings(host="127.0.0.1", port=server.port, starttls=False, sender="spine@example.org")
    yield Ports(Settings(smtp=smtp, admin_email="ops@example.org"), SystemClock())
    server.stop()


def test_a_mail_has_text_html_and_an_id_by_which_a_repetition_is_known(ports: Ports, mailbox: Mailbox) -> None:
    receipts = [send(MESSAGE, ports), send(MESSAGE, ports)]
    assert receipts[0] == receipts[1]
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{UUID(int=7)}@opsspine>"
    assert (first["To"], first["From"]) == ("ops@example.org", "spine@example.org")
    assert first["Subject"] == "[high] App: Approval needed"
    text, page = (first.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert f"opsspine approvals approve {UUID(int=9)}" in text
    assert "naïve <b>" in text
    assert "<li>naïve &lt;b&gt;</li>" in page


@pytest.mark.parametrize(
    ("refusal", "kind"), [("450 mailbox busy", Transient), ("550 no such user", Broken)], ids=["busy", "for-good"]
)
def test_what_the_server_says_decides_whether_it_is_tried_again(
    ports: Ports, mailbox: Mailbox, refusal: str, kind: type[Exception]
) -> None:
    mailbox.refusal = refusal
    with pytest.raises(kind, match=refusal[4:]) as raised:
        send(MESSAGE, ports)
    assert not isinstance(raised.value, Deferred)


def test_a_server_that_is_down_is_the_channels_trouble() -> None:
    smtp = SmtpSettings(host="127.0.0.1", port=free_port(), starttls=False)
    with pytest.raises(Deferred, match="cannot be used"):
        send(MESSAGE, Ports(Settings(smtp=smtp, admin_email="ops@example.org"), SystemClock()))


def test_notifiers_need_no_orchestrator() -> None:
    import subprocess
    import sys

    code = "import sys, tasks.relay, tasks.notifiers as n; n.notifiers(); sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
