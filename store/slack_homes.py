"""App Homes that somebody has looked at, and what each of them shows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from spine.person import PersonRef


@dataclass(frozen=True, slots=True)
class Home:
    """One user's App Home."""

    account: PersonRef
    shown: str | None
    """SHA-256 of what was last published; None = whatever is there now is published."""
    view_hash: str | None
    """Slack's word for that version."""


def opened(connection: Connection, account: PersonRef, *, now: datetime) -> None:
    """Somebody looks at their App Home: it is published at once, and kept current from now on."""
    connection.execute(
        text(
            "insert into slack_homes(team_id, user_id, opened_at) values(:team, :user, :now)"
            " on conflict(team_id, user_id) do update set opened_at = excluded.opened_at, shown = null"
        ),
        {"team": account.team, "user": account.account, "now": now},
    )
    connection.execute(text("select pg_notify('outbox', '')"))  # the relay publishes


def looked_at(connection: Connection, since: datetime) -> list[Home]:
    """Homes that were looked at since then, those to be published first; older ones are forgotten."""
    connection.execute(text("delete from slack_homes where opened_at <= :since"), {"since": since})
    rows = connection.execute(
        text("select * from slack_homes order by shown is not null, opened_at desc, team_id, user_id")
    )
    return [Home(PersonRef.by_slack(row.team_id, row.user_id), row.shown, row.view_hash) for row in rows]


def published(connection: Connection, home: Home, shown: str | None, view_hash: str | None) -> None:
    """Note what a home shows now; None = it is not known, and will be published again.

    Nothing is noted where the user has opened it again meanwhile: then it is published once more.
    """
    connection.execute(
        text(
            "update slack_homes set shown = :shown, view_hash = :hash where team_id = :team and user_id = :user"
            " and shown is not distinct from :before"
        ),
        {
            "shown": shown, "hash": view_hash, "team": home.account.team, "user": home.account.account,
            "before": home.shown,
        },
    )  # fmt: skip
