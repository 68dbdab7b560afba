"""From the incident to the mailbox: Ann is called, does not answer; Bob is, answers; Ann hears that he has it."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import text

from deployments.port import free_port
from tasks.relay import drain


class Mailboxes:
    """Who got which mail; an address in `gone` is nobody's."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.gone: set[str] = set()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.gone:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails += [(address, mail) for address in envelope.rcpt_tos]
        return "250 OK"


@pytest.fixture
def mail(calls: Any) -> Any:
    boxes = Mailboxes()
    server = Controller(boxes, hostname="127.0.0.1", port=free_port())
    server.start()
    calls.settings.smtp.port = server.port
    yield boxes
    server.stop()


def told(mail: Mailboxes) -> list[tuple[str, str]]:
    return [(address, str(one["Subject"]).split(": ")[1]) for address, one in mail.mails]


def deliver(calls: Any) -> None:
    drain(calls.database, calls.settings, calls.clock)


def test_from_the_first_call_to_the_answer(calls: Any, mail: Mailboxes) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    deliver(calls)
    assert told(mail) == [("ann@example.org", "You are called")]
    body = mail.mails[0][1].get_body(("plain",))
    assert body is not None
    assert f"opsspine oncall ack {str(incident.id)[:8]}" in body.get_content()
    assert "Extra checks at sign-in" in body.get_content()
    calls.round(5)
    deliver(calls)
    calls.ack(incident, calls.bob)
    calls.round(5)
    deliver(calls)
    assert told(mail)[1] == ("bob@example.org", "You are called")
    assert sorted(told(mail)[2:]) == [("ann@example.org", "Acknowledged"), ("bob@example.org", "Acknowledged")]
    with calls.database.system() as connection:
        receipts = connection.execute(text("select receipt from outbox where topic = 'page'")).scalars().all()
    assert {receipt["to"] for receipt in receipts} == {"ann@example.org", "bob@example.org"}


def test_a_mailbox_that_is_gone_calls_the_next_one_at_once(calls: Any, mail: Mailboxes) -> None:
    mail.gone = {"ann@example.org"}
    calls.usual()
    calls.incident()
    calls.round()
    deliver(calls)
    assert calls.outbox() == [("email", "contact", "failed")]
    calls.round(0.5)
    deliver(calls)
    assert told(mail) == [("bob@example.org", "You are called")]
