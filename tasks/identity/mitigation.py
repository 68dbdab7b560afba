"""Mitigations at an identity provider: user by user, each told apart, nothing believed before it is read back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import rfc8785
from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec
from spine.errors import Broken, OpsSpineError, Refused, Transient
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
_APART = timedelta(seconds=60)
"""So long what was accepted is waited for before it is asked again: who logs in meanwhile need not do so twice."""
IN_FORCE, _GONE = "in force", "is not there any more"


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
        """Every user as they are, or why nothing is done to them; as many as a round has time for."""
        known = (lease.pre_image or {}).get("outside") or {}
        since = known.get("since") or world.clock.now().isoformat()
        users = dict(known.get("users") or {})
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            scene = self._scene(world, lease, since)
            for target in dict.fromkeys(lease.targets):
                if target in users:
                    continue
                try:
                    users[target] = self._before(provider, target, scene)
                except Slowed:
                    if len(users) == len(known.get("users") or {}):
                        raise
                    break
            complete = set(users) == set(lease.targets)
            return {**known, "provider": provider.title, "since": since, "users": users, "complete": complete}

    def perform(self, world: World, lease: Lease) -> Performed:
        """One user after the other, each read back at once; one whose answer is lost keeps nobody else waiting."""
        image = dict((lease.pre_image or {})["outside"])
        users = {name: dict(user) for name, user in image["users"].items()}
        lost: list[str] = []
        pending: OpsSpineError | None = None
        with opened(world.settings, lease.tenant_id, key=str(lease.id)) as provider:
            scene = self._scene(world, lease, image["since"])
            for name, user in users.items():
                if "problem" in user or "seen" in user:
                    continue
                try:
                    self._do(provider, name, user, scene)
                except (Slowed, Broken) as error:
                    pending = error
                    break
                except Transient as error:
                    lost.append(f"{name}: {error}")
            receipt = _receipt(provider.receipts())
        if pending is None and lost:
            pending = Transient(f"{len(lost)} of {len(users)} are not known: {'; '.join(lost[:_TOLD])}")
        if pending is None and not image["complete"]:
            pending = Slowed(f"{len(users)} of {len(lease.targets)} so far; the others follow")
        return Performed(receipt=receipt, image={**image, "users": users}, pending=pending)

    def observe(self, world: World, lease: Lease) -> Observation:
        """Every user read back who was not yet. Those it could not be done to are told, and hold up nobody."""
        image = (lease.pre_image or {}).get("outside")
        if image is None or not image["complete"]:
            return Observation(in_force=False, detail={"outside": "not everybody was begun with"})
        told: dict[str, str] = {}
        with opened(world.settings, lease.tenant_id, key=str(lease.id), rounds=3) as provider:
            scene = self._scene(world, lease, image["since"])
            for name, user in image["users"].items():
                told[name] = self._read(provider, name, user, scene)
            return _seen(provider.title, told, image["users"])

    def withdraw(self, world: World, lease: Lease) -> Observation:
        """Take back what is ours, user by user; one that fails does not keep the others from being tried."""
        image = (lease.pre_image or {}).get("outside")
        if image is None:
            return Observation(in_force=False)
        left: dict[str, str] = {}
        failed: list[str] = []
        with opened(world.settings, lease.tenant_id, key=str(lease.id), rounds=3) as provider:
            scene = self._scene(world, lease, image["since"])
            for name, user in image["users"].items():
                if "problem" in user:
                    continue
                # a round that ended without a word may have reached anybody
                touched = bool(user.get("touched") or image.get("open") or image.get("torn"))
                try:
                    left[name] = self._undo(provider, name, {**user, "touched": touched}, scene)
                except (Transient, Refused) as error:
                    failed.append(f"{name}: {error}")
        if failed:
            many = len(left) + len(failed)
            raise Transient(f"not taken back for {len(failed)} of {many}: {'; '.join(failed[:_TOLD])}")
        notes = [
            f"{', '.join(name for name in left if left[name] == why)}: {why}"
            for why in dict.fromkeys(left.values())
            if why
        ]
        return Observation(in_force=False, detail={"left": left, **({"told": "; ".join(notes)} if notes else {})})

    def _before(self, provider: IdentityProvider, target: str, scene: Scene) -> dict[str, Any]:
        try:
            account = provider.find(target)
            if account is None:
                return {"problem": f"not found at {provider.title}"}
            return {"id": account.id, **self.work.before(provider, account, scene)}
        except Refused as error:
            return {"problem": str(error)}

    def _do(self, provider: IdentityProvider, name: str, user: dict[str, Any], scene: Scene) -> None:
        """Adds what is learned: a problem that will stay, or a note, and that it was seen to be so."""
        try:
            account = _same(provider, name, user)
            if not self.work.done(provider, account, scene, user):
                if scene.now - _asked(user) < _APART:
                    return
                user["touched"] = True
                user.pop("note", None)
                if note := self.work.do(provider, account, scene, user):
                    user["note"] = note
                user["asked"] = scene.now.isoformat()
                account = _same(provider, name, user)
                if not self.work.done(provider, account, scene, user):
                    return
        except Refused as error:
            user["problem"] = str(error)
        else:
            user["seen"] = account.mark

    def _read(self, provider: IdentityProvider, name: str, user: Image, scene: Scene) -> str:
        """How it stands with one user, for people."""
        if "problem" in user:
            return str(user["problem"])
        if "seen" not in user:
            account = provider.same(user["id"], name)
            if account is None:
                return _GONE
            if not self.work.done(provider, account, scene, user):
                return "not in force" + (f"; {user['note']}" if user.get("note") else "")
        return IN_FORCE + (f"; {user['note']}" if user.get("note") else "")

    def _undo(self, provider: IdentityProvider, name: str, user: Image, scene: Scene) -> str:
        """What was left and why, or must be known beside; "" = all of ours is gone.

        Raises:
            Transient: it is still there.
        """
        account = provider.same(user["id"], name)
        if account is None:
            return _GONE
        gone = self.work.undone(provider, account, scene, user)
        why = self.work.undo(provider, account, scene, user)
        if not gone and not self.work.undone(provider, _same(provider, name, user), scene, user):
            raise Transient("it was accepted, but reading back finds it as before")
        return why

    def _scene(self, world: World, lease: Lease, since: str) -> Scene:
        with world.database.system() as connection:
            standing = leases.list_of_action(connection, lease.tenant_id, lease.action_key, _STANDS)
            spared = self.spare(connection, world.settings)
        others: dict[str, list[Image]] = {}
        for other in standing:
            if other.id == lease.id:
                continue
            users = ((other.pre_image or {}).get("outside") or {}).get("users", {})
            for name in set(lease.targets) & set(users):
                if "problem" not in users[name]:
                    others.setdefault(name, []).append(users[name])
        return Scene(
            now=world.clock.now(),
            since=datetime.fromisoformat(since),
            roles=self.roles(world, lease),
            targets=frozenset(lease.targets),
            spared=spared,
            others={name: tuple(images) for name, images in others.items()},
        )


def _asked(user: Image) -> datetime:
    """When it was accepted last; long ago if never."""
    return datetime.fromisoformat(user["asked"]) if "asked" in user else datetime.min.replace(tzinfo=UTC)


def _same(provider: IdentityProvider, name: str, user: Image) -> Account:
    """The account that was foreseen, whatever its name is now; one that got its name meanwhile is not meant."""
    account = provider.same(user["id"], name)
    if account is None:
        raise Refused("identity.gone", _GONE)
    return account


def _seen(title: str, told: Mapping[str, str], users: Mapping[str, Image]) -> Observation:
    done = [name for name, said in told.items() if said.startswith(IN_FORCE)]
    settled = [name for name, said in told.items() if "problem" in users[name] or said == _GONE]
    odd = [f"{name}: {said}" for name, said in told.items() if said != IN_FORCE]
    detail: dict[str, Any] = {"provider": title, "users": dict(told)}
    if odd:
        more = f"; and {len(odd) - _TOLD} more" if len(odd) > _TOLD else ""
        detail["told"] = f"in force for {len(done)} of {len(told)}; {'; '.join(odd[:_TOLD])}{more}"
    return Observation(in_force=bool(done) and len(done) + len(settled) == len(told), detail=detail)


def _receipt(calls: list[dict[str, Any]]) -> dict[str, Any]:
    digest = hashlib.sha256(rfc8785.dumps(calls)).hexdigest()
    return {"calls": calls[:_RECEIPTS], "count": len(calls), "sha256": digest} if calls else {}
