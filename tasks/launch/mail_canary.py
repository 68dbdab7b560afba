"""mail_canary: what the application's mail server takes arrives in a mailbox of our own. Taken is not delivered."""

import asyncio
import imaplib
import smtplib
import ssl
import time
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from spine.diagnostic import Answer, Check, State
from spine.ids import mint
from spine.launch import Item
from spine.plain import clean, cut
from spine.settings import Settings
from tasks.launch import LaunchCheck, Ports, together, unset

_SECONDS = 10
_LOOK_SECONDS = 2.0


async def run(ports: Ports) -> Answer:
    """Greet the mail servers, send the canary, and look for it where it must arrive."""
    greeted = await ports.diagnosed("smtp_starttls")
    settings, now = ports.settings, ports.clock.now()
    if settings.smtp.host is None or settings.launch.canary.to is None:
        missing = unset("canary", "CANARY__TO")
        return together(CHECK.item.key, greeted, Answer("canary", (missing,)))
    mark = f"launch-{mint()}"
    checks = await asyncio.to_thread(_sent_and_seen, settings, mark, now)
    return together(CHECK.item.key, greeted, Answer("canary", checks, (ports.receipt("canary mail", (mark, checks)),)))


def _sent_and_seen(settings: Settings, mark: str, now: datetime) -> tuple[Check, ...]:
    try:
        _send(settings, mark, now)
    except (OSError, smtplib.SMTPException) as error:
        because = f"the mail server does not take it: {_told(error)}; see OPSSPINE_SMTP and the server's log"
        return (Check("canary.sent", State.BAD, because),)
    sent = Check("canary.sent", State.OK, "the mail server has taken it")
    canary = settings.launch.canary
    if canary.imap_host is None or canary.imap_username is None or canary.imap_password is None:
        because = (
            "taken, and nobody looked whether it arrived; set OPSSPINE_LAUNCH__CANARY__IMAP_HOST, …USERNAME, …PASSWORD"
        )
        return sent, Check("canary.arrived", State.UNKNOWN, because)
    return sent, _arrival(settings, mark)


def _send(settings: Settings, mark: str, now: datetime) -> None:
    smtp, mail = settings.smtp, EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = mark, smtp.sender, settings.launch.canary.to
    mail["Date"], mail["Message-ID"] = format_datetime(now), f"<{mark}@opsspine>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("A canary of the launch checklist; nobody needs to answer it.\n")
    with smtplib.SMTP(str(smtp.host), smtp.port, timeout=_SECONDS) as session:
        if smtp.starttls:
            session.starttls(context=_tls(settings))
        if smtp.username and smtp.password:
            session.login(smtp.username, smtp.password.get_secret_value())
        session.send_message(mail)


def _arrival(settings: Settings, mark: str) -> Check:
    canary, began = settings.launch.canary, time.monotonic()
    while True:
        try:
            found = _in_mailbox(settings, mark)
        except (OSError, imaplib.IMAP4.error) as error:
            because = f"the mailbox cannot be read: {_told(error)}; see OPSSPINE_LAUNCH__CANARY"
            return Check("canary.arrived", State.UNKNOWN, because)
        took = time.monotonic() - began
        if found:
            return Check("canary.arrived", State.OK, f"it arrived within {took:.0f} s", {"seconds": round(took, 1)})
        if took >= canary.wait_seconds:
            because = (
                f"it did not arrive within {canary.wait_seconds:g} s: users' mail does not either; see queue and spam"
            )
            return Check("canary.arrived", State.BAD, because)
        time.sleep(min(_LOOK_SECONDS, max(canary.wait_seconds - took, 0.05)))


def _in_mailbox(settings: Settings, mark: str) -> bool:
    """Whether it is there; a found one is deleted, so that the mailbox does not fill up."""
    canary = settings.launch.canary
    assert canary.imap_host is not None
    assert canary.imap_username is not None
    assert canary.imap_password is not None
    with imaplib.IMAP4_SSL(canary.imap_host, canary.imap_port, ssl_context=_tls(settings), timeout=_SECONDS) as box:
        box.login(canary.imap_username, canary.imap_password.get_secret_value())
        box.select("INBOX")
        _, found = box.search(None, "SUBJECT", f'"{mark}"')
        numbers = (found[0] or b"").split()
        for number in numbers:
            box.store(number.decode(), "+FLAGS", "\\Deleted")
        if numbers:
            box.expunge()
        return bool(numbers)


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.probe.ca_file is not None:
        context.load_verify_locations(settings.probe.ca_file)
    return context


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {cut(clean(str(error)), 200)}"


CHECK = LaunchCheck(
    item=Item(key="mail_canary", title="Mail arrives"),
    run=run,
    looks_at="Greeting and STARTTLS of the mail servers; a canary sent through OPSSPINE_SMTP and found in a mailbox.",
)
