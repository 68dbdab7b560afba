"""Mitigations whose effect is a flag: the lease puts a hold on it, and takes it off again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec
from spine.easing import fitted
from spine.errors import Broken
from spine.flag import Evaluation, FlagSet, Hold
from spine.flag.hold import Scalar
from spine.flag.network import targets_condition
from spine.flag.target import all_of, exemption, named_condition, scope_condition
from spine.lease import Lease
from spine.reach import Reach
from store import flag_holds, flags, incident_rows
from tasks.mitigation import Observation

P = TypeVar("P", bound=ActionParams)
CONTAINED = timedelta(hours=24)
"""How much longer than its lease a containment's hold lasts when nobody is alive to renew it. Judgement."""


_NAMED = 20


def nothing_beside(_params: ActionParams) -> dict[str, Scalar]:
    """For flags whose value says it all."""
    return {}


def everywhere(_params: ActionParams) -> dict[str, str]:
    """For holds that depend on nothing in the context but their targets."""
    return {}


@dataclass(frozen=True, slots=True)
class FlagMitigation(Generic[P]):
    """Holds `spec.flag_key` at its variant; `metadata` carries what the application must know beside."""

    spec: ActionSpec[P]
    metadata: Callable[[P], dict[str, Scalar]] = nothing_beside
    scope: Callable[[P], Mapping[str, str]] = everywhere
    """What an evaluation's context must say, beside the targets, for the hold to mean it."""
    exempt: str = ""
    """The property of a context that, when true, the hold does not mean; "" = none."""

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
        """Put the hold; a second time changes nothing. Containment outlasts its lease: it must not lapse unseen."""
        assert lease.expires_at is not None
        params = self.spec.parse(lease.params)
        wanted = Hold(
            lease_id=lease.id,
            key=self._key,
            variant=self.spec.variant_of(params),
            condition=self._condition(params, lease.targets),
            metadata=self.metadata(params),
            created_at=now,
            expires_at=lease.expires_at + (CONTAINED if self.spec.containment else timedelta()),
            easing=fitted(self.spec.easing, lease.expires_at - now),
        )
        flag_holds.hold(
            connection, lease.tenant_id, wanted,
            actor=actor, incident=lease.incident_id, at=now, everybody=_for_everybody(connection, lease),
        )  # fmt: skip

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Take the hold off; the base is untouched and other holds stay."""
        flag_holds.release(connection, lease.id, actor=actor, incident=lease.incident_id, at=now)

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Evaluate the stored flag as an application of the tenant would, once for every target.

        Of a hold for everybody: a tenant whose own flag has no such variant is told; with such a one containment is
        not in force.
        """
        flag = self._flag(connection, lease)
        mine = any(h.lease_id == lease.id for h in flag.holds)
        params = self.spec.parse(lease.params)
        wanted = self.spec.variant_of(params)
        loaded = FlagSet({flag.key: flag.at(now)})
        read = [loaded.evaluate(flag.key, context) for context in self._probes(params, lease.targets)]
        effective = all(isinstance(r, Evaluation) and r.variant == wanted for r in read)
        detail: dict[str, Any] = {
            "flag": flag.key,
            "version": flag.version,
            "reads": wanted if effective else [r.variant if isinstance(r, Evaluation) else r.code for r in read],
            "held_by": sorted(str(h.lease_id) for h in flag.holds),
        }
        if (changed := flags.drift_of(connection, lease)) is not None:
            detail["drift"] = changed
        left_out = flags.without_variant(connection, flag.key, wanted) if _for_everybody(connection, lease) else []
        if left_out:
            more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
            detail["told"] = f"it does not reach {', '.join(left_out[:_NAMED])}{more}: their own flag has no {wanted!r}"
        contained = not (left_out and self.spec.containment)
        return Observation(in_force=mine and effective and contained, detail=detail)

    def _condition(self, params: P, targets: tuple[str, ...]) -> dict[str, Any] | None:
        """For whom the hold is."""
        found = scope_condition(self.scope(params))
        if targets:
            names = self.spec.names
            found.append(targets_condition(targets) if names is None else named_condition(names.of, targets))
        if self.exempt:
            found.append(exemption(self.exempt))
        return all_of(found)

    def _probes(self, params: P, targets: tuple[str, ...]) -> list[dict[str, Any]]:
        """Contexts that the lease must reach: every name, the first address of every network, or just anybody.

        Of a lease that is eased off it is somebody nameless, who is let go last.
        """
        key = {} if self.spec.easing else {"targetingKey": "read-back"}
        anybody: dict[str, Any] = {**key, **self.scope(params)}
        if (names := self.spec.names) is not None:
            return [{**anybody, names.of: target} for target in targets] or [anybody]
        return [{**anybody, "ip": target.split("/")[0]} for target in targets] or [anybody]

    @property
    def _key(self) -> str:
        assert self.spec.flag_key is not None
        return self.spec.flag_key

    def _flag(self, connection: Connection, lease: Lease) -> flags.StoredFlag:
        shadows_of = lease.incident_id if lease.shadow else None
        flag = flags.get(connection, lease.tenant_id, self._key, shadows_of=shadows_of)
        if flag is None:
            raise Broken(f"The flag {self._key} of {self.spec.key} is neither stored nor in spine/flag/catalogue.py")
        return flag


def _for_everybody(connection: Connection, lease: Lease) -> bool:
    """True for the lease of an incident of many tenants."""
    return Reach.of(incident_rows.get(connection, lease.incident_id)).tenant is None
