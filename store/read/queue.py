"""The queue: live incidents in the order in which to look at them, with what the model in use says of each."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from spine.incident import Incident
from spine.score import Score
from store import scores
from store.incident_rows import COLUMNS, from_row

_WORST = "i.severity desc, i.opened_at, i.id"
_SUGGESTED = f"(i.severity >= 3) desc, s.rank desc nulls first, {_WORST}"
"""What is critical stays on top whatever a model says; what it has not judged yet stands before what it has."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A live incident, and what a model says of it; None = nothing."""

    incident: Incident
    score: Score | None


def queue(
    connection: Connection, *, suggested: bool, judged: bool = True, drills: bool = False, limit: int = 200
) -> list[Queued]:
    """Live incidents, worst and oldest first, or as the model in use suggests. Without scores both are the same.

    `judged` False leaves out, and ignores, what models say.
    """
    order = _SUGGESTED if suggested and judged else _WORST
    columns = ", ".join(f"i.{name.strip()}" for name in COLUMNS.split(","))
    rows = connection.execute(
        text(
            f"select {columns} from incidents i left join incident_scores s on s.incident_id = i.id"  # noqa: S608
            f" where i.status <> 'resolved' and (:drills or not i.synthetic) order by {order} limit :n"
        ),
        {"drills": drills, "n": limit},
    )
    found = [from_row(row) for row in rows]
    said = scores.of_incidents(connection, [one.id for one in found]) if judged else {}
    return [Queued(one, said.get(one.id)) for one in found]
