"""App Homes: published when somebody opens theirs, and again whenever what it shows has changed.

Slack's own version mark goes with every publication, so that a slow one never covers a newer one.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from sqlalchemy import Connection

from spine.clock import Clock
from spine.notification import Deferred
from spine.settings import Settings
from store import approvals, incidents, outbox, people, slack_homes
from store.engine import Database
from store.slack_homes import Home
from tasks.slack.block import Block
from tasks.slack.client import AWAY, classified, client
from tasks.slack.home_view import Question, home_view

_log = structlog.get_logger(__name__)
LANE = "slack/views.publish"
"""What is held where Slack asks for patience with homes, and with nothing else."""
_CONSOLE = "/admin/auth-ops"


@dataclass(frozen=True, slots=True)
class _Change:
    """A home that is to show something else."""

    home: Home
    view: Block
    mark: str
    """SHA-256 of the view."""


def refresh(database: Database, settings: Settings, clock: Clock) -> int:
    """Publish every home that shows something else than there is; returns how many were published.

    While Slack is away, or asks for patience, homes stay as they are; nothing else waits for them.
    """
    if settings.slack.bot_token is None:
        return 0
    with database.system() as connection:
        changes = _changes(connection, settings, clock.now())
    published = 0
    for change in changes:
        try:
            view_hash = _publish(settings, change)
        except Deferred as error:
            with database.system() as connection:
                until = outbox.hold(connection, LANE, str(error), now=clock.now(), retry_after=error.retry_after)
            _log.warning("App Homes wait", error=str(error), until=until.isoformat())
            return published
        except Exception as error:  # one home that cannot be shown keeps no other from it
            _log.warning("an App Home could not be published", error=f"{type(error).__name__}: {error}")
            continue
        with database.system() as connection:
            slack_homes.published(connection, change.home, change.mark if view_hash else None, view_hash)
            outbox.release(connection, LANE)
        published += 1
    return published


def _changes(connection: Connection, settings: Settings, now: datetime) -> list[_Change]:
    """What is to be published; one publisher at a time."""
    homes = slack_homes.looked_at(connection, now - timedelta(days=settings.slack.home_days))
    held = outbox.held_until(connection, LANE)
    if not homes or (held is not None and held > now):
        return []
    live = incidents.list_live(connection)
    by_id = {incident.id: incident for incident in live}
    questions = [
        Question(
            asked, by_id.get(asked.incident_id) if asked.incident_id else None, approvals.ballots(connection, asked.id)
        )
        for asked in approvals.pending(connection)
    ]
    console = f"{settings.gateway.url}{_CONSOLE}"
    found = []
    for home in homes:
        person = people.find(connection, home.account)
        view = home_view(person, questions, live, app_name=settings.app_name, console=console)
        mark = sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
        if mark != home.shown:
            found.append(_Change(home, view, mark))
    return found


def _publish(settings: Settings, change: _Change) -> str | None:
    """Slack's mark of what is shown now; None = another publication was faster, and this one is made anew."""
    known: dict[str, Any] = {"hash": change.home.view_hash} if change.home.view_hash else {}
    try:
        answer = client(settings.slack).views_publish(user_id=change.home.account.account, view=change.view, **known)
    except SlackApiError as error:
        if error.response.get("error") == "hash_conflict":
            return None
        raise classified(error) from error
    except AWAY as error:
        raise classified(error) from error
    return str(answer["view"]["hash"])
