"""restore: a backup was restored and verified lately. A backup that nobody restored is a hope."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.diagnostic import Answer, Check, State
from spine.launch import Item
from tasks.launch import LaunchCheck, Ports, fresh

_LAST = text("""
    select entry::jsonb -> 'data' ->> 'outcome' as outcome, at from audit_entries
    where action = :action
      and (entry::jsonb -> 'data' ->> 'subject' like 'restore:%'
           or entry::jsonb -> 'data' ->> 'subject' like 'restore-check:%')
    order by at desc limit 1""")
_DO = "run `opsspine backup`, then `opsspine restore --check` on its file"


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """The last restore, as the audit trail has it."""

    outcome: str
    at: datetime


async def run(ports: Ports) -> Answer:
    """The last restore that the audit trail knows of: it must have ended well, and lately."""
    last = await ports.read(_last)
    check = fresh(
        "restore", "a restore that was verified", last.at if last else None, ports.clock.now(),
        ports.settings.launch.restore_days, _DO,
    )  # fmt: skip
    if last is not None and last.outcome != "ok":
        because = f"the last restore, at {last.at:%Y-%m-%d %H:%M} UTC, failed: the backup may be worth nothing; {_DO}"
        check = Check("restore", State.BAD, because)
    return Answer(CHECK.item.key, (check,), (ports.receipt("restores in the audit trail", last),))


def _last(connection: Connection) -> _Rehearsal | None:
    row = connection.execute(_LAST, {"action": AuditAction.RUNBOOK_RUN.value}).one_or_none()
    return _Rehearsal(row.outcome, row.at) if row else None


CHECK = LaunchCheck(
    item=Item(key="restore", title="A backup was restored"),
    run=run,
    looks_at="The last restore, or rehearsal of one, within 30 days: it must have ended well, audit trail verified.",
)
