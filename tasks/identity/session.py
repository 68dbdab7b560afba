"""Mitigations that end sessions: at the provider, and by the flag that access tokens are refused with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from sqlalchemy import Connection

from spine.action import ActionSpec
from spine.identity_guard import ends_all, named_tenants
from spine.lease import Lease
from tasks.flag_mitigation import P
from tasks.identity.hold import NotBefore, hold_on, until
from tasks.identity.mitigation import IN_FORCE, IdentityMitigation
from tasks.identity.provider import opened
from tasks.mitigation import Observation, Performed, World


class _Held(Generic[P]):
    """The part of a revocation that is a flag of ours."""

    spec: ActionSpec[P]

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """The flag as it was."""
        return NotBefore(self.spec).pre_image(connection, lease)

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Hold the flag, before the provider is called."""
        NotBefore(self.spec).apply(connection, lease, actor=actor, now=now)

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """The hold lapses by itself."""

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """The flag as an application reads it."""
        return NotBefore(self.spec).read_back(connection, lease, now=now)


@dataclass(frozen=True, slots=True)
class SessionMitigation(_Held[P], IdentityMitigation[P]):
    """Ends users' sessions, and holds the flag for them."""

    def foresee(self, world: World, lease: Lease) -> dict[str, Any]:
        """The users, and how long the flag is held."""
        image = IdentityMitigation.foresee(self, world, lease)
        return {**image, "hold_until": until(world, datetime.fromisoformat(image["since"]))}

    def perform(self, world: World, lease: Lease) -> Performed:
        """End them; the flag is held from when they were seen ended."""
        before = (lease.pre_image or {})["outside"]["users"]
        done = IdentityMitigation.perform(self, world, lease)
        after = (done.image or {})["users"]
        hold_on(world, lease, ended=any("seen" in after[name] and "seen" not in before[name] for name in after))
        return done

    def observe(self, world: World, lease: Lease) -> Observation:
        """The users; the flag is held on for those who were not seen ended before."""
        found = IdentityMitigation.observe(self, world, lease)
        users = ((lease.pre_image or {}).get("outside") or {}).get("users", {})
        told = found.detail.get("users", {})
        if any(said.startswith(IN_FORCE) and "seen" not in users[name] for name, said in told.items()):
            hold_on(world, lease, ended=True)
        return found


@dataclass(frozen=True, slots=True)
class ScopeMitigation(_Held[P]):
    """Ends everybody's sessions: at the provider where it can end exactly those, and by the flag in any case."""

    spec: ActionSpec[P]

    def foresee(self, world: World, lease: Lease) -> dict[str, Any]:
        """Whether the provider ends them, and how long the flag is held."""
        since = world.clock.now()
        scope = self.spec.parse(lease.params).model_dump()["scope"]
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            said = world.settings.identity
            return {
                "provider": provider.title, "since": since.isoformat(),
                "ends_all": ends_all(provider.can, scope, own=said.own(lease.tenant_id)),
                "elsewhere": list(said.elsewhere(lease.tenant_id)),
                "hold_until": until(world, since),
            }  # fmt: skip

    def perform(self, world: World, lease: Lease) -> Performed:
        """End them, unless that is done."""
        image = (lease.pre_image or {})["outside"]
        if not image["ends_all"]:
            return Performed()
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            try:
                if not provider.all_ended(datetime.fromisoformat(image["since"])):
                    provider.end_all_sessions(world.clock.now())
            finally:  # an answer that is lost may have ended them
                hold_on(world, lease, ended=True)
            return Performed(receipt={"calls": provider.receipts()})

    def observe(self, world: World, lease: Lease) -> Observation:
        """The provider's not-before; where it ends nothing, the flag alone counts, and that is told."""
        image = (lease.pre_image or {}).get("outside")
        if image is None:
            return Observation(in_force=False, detail={"outside": "nothing was begun"})
        if not image["ends_all"]:
            told = f"by the flag alone: sessions at {image['provider']} stay, the application refuses them"
            return Observation(in_force=True, detail={"told": told})
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            ended = provider.all_ended(datetime.fromisoformat(image["since"]))
        stay = named_tenants(image["elsewhere"])
        detail: dict[str, Any] = {"provider": image["provider"], "ended": ended}
        if stay:
            where = f"sessions of {stay} are at other providers and stay, the application refuses them"
            detail["told"] = f"{image['provider']} ended its own; {where}"
        return Observation(in_force=ended, detail=detail)

    def withdraw(self, world: World, lease: Lease) -> Observation:
        """Nothing comes back."""
        return Observation(in_force=False)
