"""rollback_drill: actions were taken back in a drill, lately."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from spine.diagnostic import Answer
from spine.launch import Item
from tasks.launch import LaunchCheck, Ports, fresh

_LAST = text("""
    select kind, max(finished_at) as at from drills
    where passed and not negative
      and assertions @> '[{"name": "rollback", "passed": true}]'::jsonb
    group by kind order by at desc""")


async def run(ports: Ports) -> Answer:
    """The last drill in which something was done, and every flag ended at its exact version before."""
    found = await ports.read(_rolled_back)
    last = max(found.values(), default=None)
    check = fresh(
        "rollback", "a drill that rolled its actions back", last, ports.clock.now(), ports.settings.launch.drill_days,
        "run `opsspine drill failed_logins_spike`",
    )  # fmt: skip
    return Answer(CHECK.item.key, (check,), (ports.receipt("drills that rolled back", sorted(found.items())),))


def _rolled_back(connection: Connection) -> dict[str, datetime]:
    rows: Any = connection.execute(_LAST)
    return {row.kind: row.at for row in rows}


CHECK = LaunchCheck(
    item=Item(key="rollback_drill", title="Rolling back is rehearsed"),
    run=run,
    looks_at="A passed drill within 30 days at whose end every flag was at its exact version before.",
)
