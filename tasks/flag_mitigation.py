"""Mitigations whose effect is a flag: the lease puts a hold on it, and takes it off again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec
from spine.errors import Broken
from spine.flag import Evaluation, FlagSet, Hold
from spine.flag.hold import Scalar
from spine.flag.network import targets_condition
from spine.lease import Lease
from store import flag_holds, flags
from tasks.mitigation import Observation

P = TypeVar("P", bound=ActionParams)


@dataclass(frozen=True, slots=True)
class FlagMitigation(Generic[P]):
    """Holds `spec.flag_key` at its variant; `metadata` carries what the application must know beside."""

    spec: ActionSpec[P]
    metadata: Callable[[P], dict[str, Scalar]]

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """The flag's exact version and digest, and who holds it already."""
        flag = self._flag(connection, lease)
        return {
            "flag": flag.key,
            "version": flag.version,
            "sha256": flag.digest,
            "held_by": sorted(str(h.lease_id) for h in flag.holds),
        }

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Put the hold; a second time changes nothing."""
        assert lease.expires_at is not None
        params = self.spec.parse(lease.params)
        wanted = Hold(
            lease_id=lease.id,
            key=self._key,
            variant=self.spec.variant_of(params),
            condition=targets_condition(lease.targets) if lease.targets else None,
            metadata=self.metadata(params),
            created_at=now,
            expires_at=lease.expires_at,
        )
        flag_holds.hold(connection, lease.tenant_id, wanted, actor=actor, incident=lease.incident_id, at=now)

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Take the hold off; the base is untouched and other holds stay."""
        flag_holds.release(connection, lease.id, actor=actor, incident=lease.incident_id, at=now)

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Evaluate the stored flag as an application of the tenant would, one address per target."""
        flag = self._flag(connection, lease)
        mine = any(h.lease_id == lease.id for h in flag.holds)
        wanted = self.spec.variant_of(self.spec.parse(lease.params))
        loaded = FlagSet({flag.key: flag.at(now)})
        read = [loaded.evaluate(flag.key, context) for context in _probes(lease)]
        effective = all(isinstance(r, Evaluation) and r.variant == wanted for r in read)
        detail: dict[str, Any] = {
            "flag": flag.key,
            "version": flag.version,
            "reads": wanted if effective else [r.variant if isinstance(r, Evaluation) else r.code for r in read],
            "held_by": sorted(str(h.lease_id) for h in flag.holds),
        }
        if (changed := flags.drift_of(connection, lease)) is not None:
            detail["drift"] = changed
        return Observation(in_force=mine and effective, detail=detail)

    @property
    def _key(self) -> str:
        assert self.spec.flag_key is not None
        return self.spec.flag_key

    def _flag(self, connection: Connection, lease: Lease) -> flags.StoredFlag:
        flag = flags.get(connection, lease.tenant_id, self._key)
        if flag is None:
            raise Broken(f"The flag {self._key} of {self.spec.key} is neither stored nor in spine/flag/catalogue.py")
        return flag


def _probes(lease: Lease) -> list[dict[str, Any]]:
    """Contexts that the lease must reach: the first address of every target, or just anybody."""
    return [{"targetingKey": "read-back", "ip": target.split("/")[0]} for target in lease.targets] or [
        {"targetingKey": "read-back"}
    ]
