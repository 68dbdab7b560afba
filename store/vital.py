"""Vital signs that the database itself can tell: cheap enough to be read whenever somebody asks."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from spine.health import Reading, Status, well
from spine.settings import Settings
from spine.span import span
from store.engine import Database
from store.health import OutboxState, outbox_state
from store.heartbeats import beats
from store.migrate import current, newest

CHECKS = "check_health"
"""The heartbeat of whoever looks at all parts."""
Seen = tuple[datetime, dict[str, Any]] | None


def vital_signs(connection: Connection, settings: Settings, now: datetime) -> dict[str, Reading]:
    """Relay, detection, reconcile, outbox and drills, as they are now."""
    seen = beats(connection)
    return {
        "relay": relay(seen.get("relay"), settings, now),
        "detect": detect(seen.get("detect"), settings, now),
        "reconcile": reconcile(seen.get("reconcile"), settings, now),
        "outbox": outbox(outbox_state(connection, now), settings),
        "drills": drills(seen.get("drills")),
    }


def vital_sign(connection: Connection, key: str, settings: Settings, now: datetime) -> Reading:
    """One of them."""
    return vital_signs(connection, settings, now)[key]


def schema(database: Database) -> Reading:
    """The database answers, and its schema is the one this code needs."""
    try:
        at, needed = current(database), newest()
    except Exception as error:  # whatever it is, the database is of no use now
        return Reading(
            status=Status.FAIL, said=f"the database does not answer ({type(error).__name__})",
            means="Nothing is detected, decided or told; applications keep the flags they have.",
            do="Start the database, or mend DATABASE_URL. Everything goes on by itself then.",
        )  # fmt: skip
    if at is None or at < needed:  # numbered in order; a newer one fits: docs/upgrading.md
        return Reading(
            status=Status.FAIL, said=f"the schema is at {at}, this code needs {needed}: `opsspine up` brings it there",
            means="This version cannot work with the data as it is.", do="Run `opsspine up` with this version.",
        )  # fmt: skip
    return well(f"schema {at}")


def relay(seen: Seen, settings: Settings, now: datetime) -> Reading:
    """Who delivers messages."""
    return _beat(
        seen, now, timedelta(seconds=settings.health.relay_silence_seconds),
        "Messages are late: reconcile delivers them, once in its interval.",
        "Look at logs/relay.log in the data folder; the supervisor starts the relay again by itself.",
    )  # fmt: skip


def detect(seen: Seen, settings: Settings, now: datetime) -> Reading:
    """The latest tick, and how long it took."""
    interval = settings.detect.interval_seconds
    found = _beat(
        seen, now, _silence(settings), "No attack is noticed while detection stands still.",
        "See whether the runner and Prefect live (`opsspine health`); `opsspine down` and `up` restart both.",
    )  # fmt: skip
    took = float(seen[1].get("seconds", 0.0)) if seen else 0.0
    if found.status is Status.PASS and took > interval:
        return Reading(
            status=Status.WARN, said=f"the last tick took {took:.1f} s, longer than its interval of {interval:g} s",
            observed=took, unit="s", means="Detection runs late, by as much as it takes longer.",
            do="Give the database more CPU, or raise OPSSPINE_DETECT__INTERVAL_SECONDS.",
        )  # fmt: skip
    return found


def reconcile(seen: Seen, settings: Settings, now: datetime) -> Reading:
    """Who finishes what a dead process left."""
    return _beat(
        seen, now, _silence(settings),
        "Nothing ends at its time: mitigations stay in force longer, and lost runs are not started again.",
        "See whether the runner and Prefect live (`opsspine health`); `opsspine down` and `up` restart both.",
    )  # fmt: skip


def outbox(state: OutboxState, settings: Settings) -> Reading:
    """Whether people hear what they must."""
    rules, age = settings.health, state.oldest_age or timedelta(0)
    seconds = age.total_seconds()
    if age > timedelta(minutes=rules.outbox_fail_minutes) and not state.held:
        return _late(Status.FAIL, state, age)
    if state.failed:
        return Reading(
            status=Status.WARN, observed=float(state.failed), unit="messages",
            said=f"{state.failed} messages could not be delivered and were given up; the last error: "
            f"{state.last_error}. Mend the channel, then `opsspine outbox retry`.",
            means="Somebody was not told.", do="Mend the channel, then `opsspine outbox retry`.",
        )  # fmt: skip
    if state.held:
        why = "; ".join(f"{channel}: {error}" for channel, error in state.held.items())
        return Reading(
            status=Status.WARN, observed=seconds, unit="s",
            said=f"{state.pending} messages wait for channels that do not work: {why}",
            means="Who listens to these channels alone is not told until they work again.",
            do="Mend the channel; what waits is then delivered by itself.",
        )  # fmt: skip
    if age > timedelta(minutes=rules.outbox_warn_minutes):
        return _late(Status.WARN, state, age)
    return well(f"{state.pending} messages wait", float(state.pending), "messages")


def drills(seen: Seen) -> Reading:
    """Reconcile knows which runbooks are not rehearsed; what that costs, an operator should hear before an incident."""
    overdue = seen[1].get("overdue", []) if seen else []
    if not overdue:
        return well("no drill is overdue", 0.0, "runbooks")
    named = ", ".join(overdue)
    return Reading(
        status=Status.WARN, observed=float(len(overdue)), unit="runbooks",
        said=f"nothing is automatic any more in {named}: not drilled for too long; `opsspine drill --list` shows more",
        means="Every step of these runbooks waits for a person.", do="Play them: `opsspine drill <kind>`.",
    )  # fmt: skip


def watch(seen: Seen, settings: Settings, now: datetime) -> Reading:
    """Whether anybody looks at the parts."""
    return _beat(
        seen, now, timedelta(seconds=max(150.0, 3 * settings.health.interval_seconds)),
        "What is shown of the other parts is old, and nobody is called when one fails.",
        "See whether the runner, Prefect and the relay live (`opsspine health`).",
    )  # fmt: skip


def _silence(settings: Settings) -> timedelta:
    return timedelta(seconds=max(60.0, 4 * settings.detect.interval_seconds))


def _beat(seen: Seen, now: datetime, silence: timedelta, means: str, do: str) -> Reading:
    if seen is None:
        said = "never heard of; it is not running, or has not begun yet"
        return Reading(status=Status.WARN, said=said, means=means, do=do)
    age = now - seen[0]
    said, seconds = f"last heard of {span(age)} ago", age.total_seconds()
    if age <= silence:
        return well(said, seconds, "s")
    return Reading(status=Status.FAIL, said=said, observed=seconds, unit="s", means=means, do=do)


def _late(status: Status, state: OutboxState, age: timedelta) -> Reading:
    blamed = state.last_error or "no relay runs"
    return Reading(
        status=status, observed=age.total_seconds(), unit="s",
        said=f"{state.pending} messages wait, the oldest for {span(age)}: {blamed}",
        means="People hear late of what happens.", do="`opsspine outbox list` shows what waits and why.",
    )  # fmt: skip
