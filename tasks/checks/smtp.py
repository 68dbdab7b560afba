"""The mail server: whether it answers EHLO and NOOP. No mail is sent."""

import smtplib
import ssl
import time
from datetime import timedelta

from spine.health import Reading, Status, well
from spine.plain import clean, cut
from spine.settings import Settings
from tasks.checks import Check, Ports

_MEANS = "Nobody is told by mail; the other channels work on."
_OK = 250


def ask(ports: Ports) -> Reading:
    """EHLO, STARTTLS where it is wanted, NOOP, QUIT."""
    smtp = ports.settings.smtp
    if smtp.host is None:
        if "email" not in ports.settings.notify.mode:
            return well("not configured")
        return _ill("not configured, though OPSSPINE_NOTIFY__MODE names email", "Set OPSSPINE_SMTP__HOST.")
    where, began = f"{smtp.host}:{smtp.port}", time.perf_counter()
    try:
        with smtplib.SMTP(smtp.host, smtp.port, timeout=ports.settings.health.timeout_seconds) as session:
            session.ehlo_or_helo_if_needed()
            if smtp.starttls:
                session.starttls(context=ssl.create_default_context())
                session.ehlo()
            code, said = session.noop()
    except (OSError, smtplib.SMTPException) as error:
        told = cut(clean(str(error)), 200)
        return _ill(f"{where} cannot be used: {type(error).__name__}: {told}", "What waits is sent once it works.")
    if code != _OK:
        return _ill(f"{where} answers {code} {cut(clean(said.decode(errors='replace')), 200)}", "Ask who runs it.")
    return well(f"{where} answers", time.perf_counter() - began, "s")


def _ill(said: str, do: str) -> Reading:
    return Reading(status=Status.WARN, said=said, means=_MEANS, do=do)


def _every(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.health.smtp_minutes)


CHECK = Check(
    key="smtp", ask=ask, comfort=True, every=_every, means=_MEANS,
    do="See whether this machine reaches the mail server. What waits is sent once it works.",
)  # fmt: skip
