"""Links by which somebody makes an account of another system (Slack) their own, once and signed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.person import Person, PersonRef
from spine.settings import Settings
from store import links, people
from store.secrets import Vault

PATH = "/admin/auth-ops/link-account"


@dataclass(frozen=True, slots=True)
class Linked:
    """An account that now is somebody's."""

    person: Person
    account: PersonRef


def issue(connection: Connection, account: PersonRef, now: datetime, *, settings: Settings) -> str:
    """Make a link's token for an account whose owner has proven it is theirs (a signed request of Slack).

    Send it to that account and to nobody else: who follows it, signed in and with a second factor, gets the account.
    """
    subject = {"provider": account.provider, "team": account.team, "account": account.account}
    lasts = timedelta(minutes=settings.signin.account_link_minutes)
    return links.issue(connection, "account", subject, vault=Vault.of(settings), now=now, lasts=lasts)


def url(token: str, settings: Settings) -> str:
    """Where the link leads."""
    return f"{settings.gateway.url}{PATH}?token={token}"


def look(connection: Connection, token: str, now: datetime, *, settings: Settings) -> PersonRef | None:
    """The account a link is about; None = the link is not good (any more)."""
    subject = links.look(connection, "account", token, vault=Vault.of(settings), now=now)
    return PersonRef(subject["provider"], subject["account"], subject["team"]) if subject else None


def confirm(connection: Connection, token: str, person: Person, now: datetime, *, settings: Settings) -> Linked | None:
    """Make the account `person`'s and end the link; None = the link is not good (any more).

    Ask for a fresh second factor first.

    Raises:
        Refused: the account is somebody else's.
    """
    account = look(connection, token, now, settings=settings)
    if account is None:
        return None
    links.use(connection, token, now=now)
    linked = people.link(connection, person.email, account, actor=f"person:{person.email}", now=now)
    return Linked(linked, account)
