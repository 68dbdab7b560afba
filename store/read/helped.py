"""How often actions helped before: the order in which proposals are shown, not that in which they are done."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from spine.incident import IncidentKind


@dataclass(frozen=True, slots=True)
class Helped:
    """One action at one kind of incident, in this tenant."""

    action: str
    fixed: int
    """Incidents that were verified as fixed with it in force, alone or beside others."""
    tried: int
    """Incidents that came to a verdict with it in force: fixed, not fixed, or harmful."""

    @property
    def chance(self) -> float:
        """The share that it fixed, drawn to one half by two incidents: once is not always."""
        return (self.fixed + 1) / (self.tried + 2)


_QUERY = text("""
    select action_key, count(*) filter (where outcome = 'fixed') as fixed, count(*) as tried from (
      select distinct on (l.incident_id, l.action_key) l.action_key, e.query as outcome
      from leases l join incidents i on i.id = l.incident_id
      join evidence e on e.incident_id = l.incident_id and e.source = 'verification' and e.query <> 'inconclusive'
        and e.created_at >= l.applied_at and (l.reverted_at is null or e.created_at <= l.reverted_at)
      where not l.shadow and l.action_key = any(:actions) and i.kind = :kind and not i.synthetic
      order by l.incident_id, l.action_key, e.created_at desc, e.id
    ) last_said group by action_key
""")


def helped(connection: Connection, kind: IncidentKind, actions: Sequence[str]) -> list[Helped]:
    """`actions`, what helped most often first; those never tried are neither good nor bad."""
    wanted = list(dict.fromkeys(actions))
    rows = {row.action_key: row for row in connection.execute(_QUERY, {"kind": kind.value, "actions": wanted})}
    found = [Helped(key, rows[key].fixed, rows[key].tried) if key in rows else Helped(key, 0, 0) for key in wanted]
    return sorted(found, key=lambda one: -one.chance)
