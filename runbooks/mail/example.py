"""Small cases of both streams: what is sent, what arrives, what is refused."""

from typing import Any

from runbooks.mail.stream import Stream
from spine.case import Case
from spine.case_example import BROWSER
from spine.case_rows import Rows, case_of
from spine.decision.rules import site_facts
from spine.settings import PolicySettings

SITE = site_facts(
    PolicySettings(
        email_secondary="second", email_secondary_ready=True, link_minutes={"reset": 30, "verification": 1440},
        captcha_provider="captcha", captcha_accessible=True,
    ),
    (),
)  # fmt: skip
"""An installation that has a second mail service and a captcha."""


def mail_case(stream: Stream, *rows: Rows, **more: Any) -> Case:
    """A case of the stream's kind in that installation."""
    return case_of(stream.kind, *rows, **{"site": SITE, **more})


def sent(stream: Stream, n: int, *, first: int = 0, **more: Any) -> tuple[Rows, ...]:
    """`n` people, who each ask for a mail and are sent it."""
    told = {"users": n, "first_user": first, "user_agent": BROWSER, "ip": None, **more}
    return (Rows(type=stream.asked, n=n, **told), Rows(type=stream.sent, n=n, **told))


def went_well(stream: Stream, n: int, *, first: int = 1000, **attributes: Any) -> tuple[Rows, ...]:
    """`n` people whose mail arrives, and who do what it asks for."""
    domain = {"recipient_domain": "example.org"} | attributes
    return (
        *sent(stream, n, first=first, attributes=domain),
        _delivered(stream, n, first, **domain),
        Rows(type=stream.completed, n=n, users=n, first_user=first, user_agent=BROWSER),
    )  # fmt: skip


def _delivered(stream: Stream, n: int, first: int, **attributes: Any) -> Rows:
    told = {"delivery_seconds": 4} | attributes
    return Rows(type=stream.delivered, n=n, users=n, first_user=first, ip=None, attributes=told)


def lost(stream: Stream, n: int, *, first: int = 0, **attributes: Any) -> tuple[Rows, ...]:
    """`n` people whose mail is put off by a server that is closing, unless `attributes` say otherwise."""
    said = {"delivery_state": "deferred", "smtp_status": "421", "recipient_domain": "example.org"} | attributes
    said = {name: value for name, value in said.items() if value is not None}
    return (
        *sent(stream, n, first=first, attributes={k: v for k, v in said.items() if k.endswith("_domain")}),
        Rows(type=stream.undelivered, n=n, users=n, first_user=first, ip=None, attributes=said),
    )


def refused(stream: Stream, n: int, problem: str | None, *, first: int = 0, **attributes: Any) -> tuple[Rows, ...]:
    """`n` people whose mail arrives, and whose link is refused."""
    said = {**({"link_problem": problem} if problem else {}), **attributes}
    return (
        *sent(stream, n, first=first),
        _delivered(stream, n, first),
        Rows(type=stream.rejected, n=n, users=n, first_user=first, attributes=said),
    )
