"""Mitigations at an identity provider: user by user, each told apart, nothing believed before it is read back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import rfc8785
from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec
from spine.errors import Refused, Transient
from spine.identity import Slowed
from spine.lease import Lease, LeaseState
from store import leases
from tasks.identity.port import Account, IdentityProvider
from tasks.identity.provider import opened
from tasks.identity.spared import Spare, nobody
from tasks.identity.work import Image, Scene, Work
from tasks.mitigation import Observation, Performed, World

P = TypeVar("P", bound=ActionParams)
_STANDS = frozenset({LeaseState.APPLYING, LeaseState.UNKNOWN, LeaseState.ACTIVE, LeaseState.VERIFIED})
_RECEIPTS = 50
"""Calls listed one by one in a receipt; a hash covers them all."""
_TOLD = 20
"""Users told one by one."""


@dataclass(frozen=True, slots=True)
class IdentityMitigation(Generic[P]):
    """Does `work` to every target at the tenant's provider. What it holds in our own store, subclasses add."""

    spec: ActionSpec[P]
    work: Work
    spare: Spare = nobody
    roles: Callable[[World, Lease], tuple[str, ...]] = lambda _world, _lease: ()

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """Nothing of ours; `foresee` looks at the provider."""
        return {}

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Nothing of ours."""

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Nothing of ours."""

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Nothing of ours."""
        return Observation(in_force=True)

    def foresee(self, world: World, lease: Lease) -> dict[str, Any]:
        """Every user as they are, or why nothing is done to them."""
        since = world.clock.now()
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            scene = self._scene(world, lease, since)
            users = {target: self._before(provider, target, scene) for target in lease.targets}
            return {"provider": provider.title, "since": since.isoformat(), "users": users}

    def perform(self, world: World, lease: Lease) -> Performed:
        """One user after the other; one whose answer is lost does not keep the others waiting."""
        image = dict(lease.pre_image["outside"]) if lease.pre_image else {}
        users, lost = {name: dict(user) for name, user in image["users"].items()}, []
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            scene = self._scene(world, lease, datetime.fromisoformat(image["since"]))
            for name, user in users.items():
                if "problem" in user:
                    continue
                try:
                    user.update(self._do(provider, name, user, scene))
                except Slowed:
                    raise
                except Transient as error:
                    lost.append(f"{name}: {error}")
            receipt = _receipt(provider.receipts())
        if lost:
            raise Transient(f"{len(lost)} of {len(users)} are not known: {'; '.join(lost[:_TOLD])}")
        return Performed(receipt=receipt, image={**image, "users": users})

    def observe(self, world: World, lease: Lease) -> Observation:
        """Every user read back. Those it could not be done to are told, and do not hold up the rest."""
        image = (lease.pre_image or {}).get("outside")
        if image is None:
            return Observation(in_force=False, detail={"outside": "nothing was begun"})
        told: dict[str, str] = {}
        marks: dict[str, str] = {}
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            scene = self._scene(world, lease, datetime.fromisoformat(image["since"]))
            for name, user in image["users"].items():
                account = None if "problem" in user else provider.find(name)
                if account is None:
                    told[name] = user.get("problem", "is not there any more")
                elif self.work.done(provider, account, scene, user):
                    told[name] = "in force" + (f"; {user['note']}" if user.get("note") else "")
                    marks.update({name: account.mark} if account.mark else {})
                else:
                    told[name] = "not in force"
            return _seen(provider.title, told, marks, image["users"])

    def withdraw(self, world: World, lease: Lease) -> Observation:
        """Take back what is ours, user by user; one that fails does not keep the others from being tried."""
        image = (lease.pre_image or {}).get("outside")
        if image is None:
            return Observation(in_force=False)
        left: dict[str, str] = {}
        failed: list[str] = []
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            scene = self._scene(world, lease, datetime.fromisoformat(image["since"]))
            for name, user in image["users"].items():
                if "problem" in user:
                    continue
                try:
                    left[name] = self._undo(provider, name, user, scene)
                except (Transient, Refused) as error:
                    failed.append(f"{name}: {error}")
        if failed:
            raise Transient(
                f"not taken back for {len(failed)} of {len(left) + len(failed)}: {'; '.join(failed[:_TOLD])}"
            )
        notes = [f"{name}: {why}" for name, why in left.items() if why]
        return Observation(in_force=False, detail={"left": left, **({"told": "; ".join(notes)} if notes else {})})

    def _before(self, provider: IdentityProvider, target: str, scene: Scene) -> dict[str, Any]:
        try:
            account = provider.find(target)
            if account is None:
                return {"problem": f"not found at {provider.title}"}
            return {"id": account.id, **self.work.before(provider, account, scene)}
        except Refused as error:
            return {"problem": str(error)}

    def _do(self, provider: IdentityProvider, name: str, user: Image, scene: Scene) -> dict[str, str]:
        """What is learned: a problem that will stay, or a note."""
        try:
            account = _same(provider, name, user)
            if self.work.done(provider, account, scene, user):
                return {}
            note = self.work.do(provider, account, scene, user)
        except Refused as error:
            return {"problem": str(error)}
        return {"note": note} if note else {}

    def _undo(self, provider: IdentityProvider, name: str, user: Image, scene: Scene) -> str:
        """Why something was left; "" = all of ours is gone.

        Raises:
            Transient: it is still there.
        """
        if provider.find(name) is None:
            return "is not there any more"
        why = self.work.undo(provider, _same(provider, name, user), scene, user)
        if not self.work.undone(provider, _same(provider, name, user), scene, user):
            raise Transient("it was accepted, but reading back finds it as before")
        return why

    def _scene(self, world: World, lease: Lease, since: datetime) -> Scene:
        with world.database.system() as connection:
            live = leases.list_live(connection, lease.tenant_id)
            spared = self.spare(connection, world.settings)
        others: dict[str, list[Image]] = {}
        for other in live:
            if other.id == lease.id or other.action_key != lease.action_key or other.state not in _STANDS:
                continue
            users = ((other.pre_image or {}).get("outside") or {}).get("users", {})
            for name in set(lease.targets) & set(users):
                if "problem" not in users[name]:
                    others.setdefault(name, []).append(users[name])
        marks: Mapping[str, str] = ((lease.receipt or {}).get("read_back") or {}).get("marks") or {}
        return Scene(
            since=since,
            roles=self.roles(world, lease),
            targets=frozenset(lease.targets),
            spared=spared,
            others={name: tuple(images) for name, images in others.items()},
            marks=marks,
        )


def _same(provider: IdentityProvider, name: str, user: Image) -> Account:
    """The account that was foreseen, as it is now; another one that got its name meanwhile is not meant."""
    account = provider.find(name)
    if account is None:
        raise Refused("identity.gone", "is not there any more")
    if account.id != user["id"]:
        raise Refused("identity.other", "is another account by now")
    return account


def _seen(title: str, told: Mapping[str, str], marks: Mapping[str, str], users: Mapping[str, Image]) -> Observation:
    done = [name for name, said in told.items() if said.startswith("in force")]
    problems = [name for name in told if "problem" in users[name] or told[name] == "is not there any more"]
    odd = [f"{name}: {said}" for name, said in told.items() if said != "in force"]
    detail: dict[str, Any] = {"provider": title, "users": dict(told), "marks": dict(marks)}
    if odd:
        more = f"; and {len(odd) - _TOLD} more" if len(odd) > _TOLD else ""
        detail["told"] = f"in force for {len(done)} of {len(told)}; {'; '.join(odd[:_TOLD])}{more}"
    return Observation(in_force=bool(done) and len(done) + len(problems) == len(told), detail=detail)


def _receipt(calls: list[dict[str, Any]]) -> dict[str, Any]:
    digest = hashlib.sha256(rfc8785.dumps(calls)).hexdigest()
    return {"calls": calls[:_RECEIPTS], "count": len(calls), "sha256": digest} if calls else {}
