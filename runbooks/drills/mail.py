"""What the drills of both streams of mail play: people who ask for a mail, and what becomes of it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from runbooks.mail.stream import Stream
from spine.diagnostic import Answer, Check, State
from spine.drill import RawEvent, Script, Stage, Traffic, happened, spread

SITE: dict[str, Any] = {
    "email_secondary": "drill-second",
    "email_secondary_ready": True,
    "link_minutes": {"reset": 30, "verification": 1440},
}
"""A second mail service that aligns."""
SERVICE_DOWN = {"delivery_state": "deferred", "smtp_status": "421", "bounce": "soft"}
DISBELIEVED = {"delivery_state": "bounced", "smtp_status": "550 5.7.26", "bounce": "hard"}
KEY_REMOVED = Answer(
    "mail_dns",
    (
        Check("spf", State.OK, "one record"),
        Check("dkim.first", State.BAD, "0 keys are published for it; mail signed with it fails DKIM"),
        Check("dkim.second", State.OK, "one usable key is published"),
        Check("dmarc", State.OK, "DMARC says p=reject"),
    ),
)
"""The key of the first service is gone, that of the second is there."""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
_DOMAINS = ("example.org", "example.net", "example.com")
_PEOPLE = 60
_SECOND = timedelta(seconds=1)
Fate = Callable[[Stream, datetime, dict[str, Any], str], list[RawEvent]]
"""What becomes of one person's mail: (stream, when, who, recipient domain)."""


def well(stream: Stream, at: datetime, who: dict[str, Any], domain: str) -> list[RawEvent]:
    """It arrives, and the person does what it asks for."""
    delivered = happened(stream.delivered, at, recipient_domain=domain, delivery_seconds=3, **who)
    opened = [] if stream.accepted is None else [happened(stream.accepted, at, **who)]
    return [delivered, *opened, happened(stream.completed, at, user_agent=BROWSER, **who)]


def missed(**said: Any) -> Fate:
    """It does not arrive; `said` by the mail service."""
    return lambda stream, at, who, domain: [
        happened(stream.undelivered, at, **{"recipient_domain": domain} | said, **who)
    ]


def refused(problem: str) -> Fate:
    """It arrives, and its link is refused."""

    def fate(stream: Stream, at: datetime, who: dict[str, Any], domain: str) -> list[RawEvent]:
        delivered = happened(stream.delivered, at, recipient_domain=domain, delivery_seconds=3, **who)
        return [delivered, happened(stream.rejected, at, link_problem=problem, **who)]

    return fate


def ignored(stream: Stream, at: datetime, who: dict[str, Any], domain: str) -> list[RawEvent]:
    """It arrives, and nobody opens it."""
    return [happened(stream.delivered, at, recipient_domain=domain, delivery_seconds=3, **who)]


def mails(stream: Stream, times: Iterable[datetime], fate: Fate, *, of: str = "user", **said: Any) -> list[RawEvent]:
    """One mail at each of `times`, to sixty people in turn; `said` by whatever asks for it and sends it."""
    rows = []
    for k, at in enumerate(times):
        who, domain = {"user_id": f"{of}{k % _PEOPLE}"}, _DOMAINS[k % len(_DOMAINS)]
        told = {"recipient_domain": domain, **said, **who}
        asked = happened(stream.asked, at, **{"user_agent": BROWSER} | told, ip=f"192.0.2.{k % _PEOPLE + 1}")
        rows += [asked, happened(stream.sent, at, **{n: v for n, v in told.items() if n != "user_agent"})]
        rows += fate(stream, at, who, str(told["recipient_domain"]))
    return rows


def past(stage: Stage, stream: Stream) -> list[RawEvent]:
    """Three days in which all went well, and the better part of the last hour."""
    return [
        *mails(stream, spread(360, stage.ago(days=3), stage.ago(hours=2)), well),
        *mails(stream, spread(40, stage.ago(hours=1), stage.ago(minutes=14)), well),
    ]


def trouble(stream: Stream, fate: Fate, *, n: int = 80, fine: int = 20, **said: Any) -> Script:
    """In the last twelve minutes the mails of `n` people end in `fate`, those of `fine` others well."""

    def script(stage: Stage) -> list[RawEvent]:
        since = stage.ago(minutes=12)
        first = stage.random().randrange(1_000)
        return [
            *past(stage, stream),
            *mails(stream, spread(n, since, stage.end), fate, of=f"drill{first}-", **said),
            *mails(stream, spread(fine, since, stage.end), well),
        ]

    return script


def goes_on(stream: Stream, fate: Fate, **said: Any) -> Traffic:
    """A mail a second that ends in `fate` until it is mitigated, and three a second that always go well."""

    def traffic(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
        n = max(1, round((until - since) / _SECOND))
        failing = [] if mitigated else mails(stream, spread(n, since, until), fate, of="drill-late-", **said)
        return [*mails(stream, spread(3 * n, since, until), well), *failing]

    return traffic
