"""Whose events an incident is about: those of its tenant, of all tenants together, or of one drill."""

from dataclasses import dataclass

from spine.detect.subject import is_everybody
from spine.ids import TenantId
from spine.incident import Incident


@dataclass(frozen=True, slots=True)
class Reach:
    """Events to be read."""

    tenant: TenantId | None
    """None = of every tenant."""
    drill: str | None = None
    """Only the events of this drill; None = only real ones."""

    @classmethod
    def of(cls, incident: Incident) -> "Reach":
        """What `incident` reaches."""
        drill = incident.drill_id if incident.synthetic else None
        return cls(None if is_everybody(incident.subject) else incident.tenant_id, drill)

    @property
    def tenants(self) -> int | None:
        """How many tenants an action reaches; None = all of them."""
        return None if self.tenant is None else 1
