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
    with verdict as (
      select distinct on (e.incident_id) e.incident_id, e.query as outcome
      from evidence e join incidents i on i.id = e.incident_id
      where e.source = 'verification' and e.query <> 'inconclusive' and i.kind = :kind and not i.synthetic
      order by e.incident_id, e.created_at desc, e.id
    )
    select l.action_key, count(distinct v.incident_id) filter (where v.outcome = 'fixed') as fixed,
           count(distinct v.incident_id) as tried
    from leases l join verdict v on v.incident_id = l.incident_id
    where not l.shadow and l.applied_at is not null and l.action_key = any(:actions)
    group by l.action_key
""")


def helped(connection: Connection, kind: IncidentKind, actions: Sequence[str]) -> list[Helped]:
    """`actions`, what helped most often first; those never tried are neither good nor bad."""
    wanted = list(dict.fromkeys(actions))
    rows = {row.action_key: row for row in connection.execute(_QUERY, {"kind": kind.value, "actions": wanted})}
    found = [Helped(key, rows[key].fixed, rows[key].tried) if key in rows else Helped(key, 0, 0) for key in wanted]
    return sorted(found, key=lambda one: -one.chance)
