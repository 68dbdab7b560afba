"""What is done to one user at a provider, and how it is seen and undone: one `Work` for each action."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from spine.errors import OpsSpineError, Refused
from spine.identity import Slowed
from spine.identity_guard import LEAST_ADMINS_LEFT
from tasks.identity.port import Account, Grant, IdentityProvider

Image = Mapping[str, Any]
"""What was there before, of one user. `touched`: we asked for a change; `seen`: the mark it had when read back."""
Learned = dict[str, Any]
"""The same, to add to; it is kept with the lease."""
_MOST_MAILS = 3
"""So often a mail is asked for that the provider fails to send; then people are told. Judgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The lease's part of the story, as a `Work` needs it."""

    now: datetime
    since: datetime
    """When it was foreseen: what is older is meant."""
    roles: tuple[str, ...]
    """The roles meant, if the action is about roles."""
    targets: frozenset[str]
    spared: frozenset[str]
    """Everybody it must never be done to, by any of their names, in lower case."""
    others: Mapping[str, tuple[Image, ...]]
    """Images of the same action by other leases in force, by target."""


class Work(Protocol):
    """One kind of work. Refused = not this user; everything else it raises ends or delays the round."""

    def before(self, provider: IdentityProvider, account: Account, scene: Scene) -> dict[str, Any]:
        """What is there before, and worth knowing later.

        Raises:
            Refused: it cannot or need not be done to this user.
        """
        ...

    def done(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """True when it is so."""
        ...

    def do(self, provider: IdentityProvider, account: Account, scene: Scene, image: Learned) -> str:
        """Make it so; returns what people must know of it, if anything. What it learns it adds to `image`."""
        ...

    def undo(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> str:
        """Take it back as far as it is ours; returns why something was left, or what must be known beside."""
        ...

    def undone(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """True when nothing of ours is left."""
        ...


class Lock:
    """Nobody logs in as the user."""

    def before(self, provider: IdentityProvider, account: Account, scene: Scene) -> dict[str, Any]:
        """Whether they were locked, and whether that was another lease of ours."""
        _spare(account, scene)
        ours = any(_locked_by_us(image) for image in scene.others.get(account.name, ()))
        return {"locked": account.locked, "ours": account.locked and ours}

    def done(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """They are locked, by whomever."""
        return account.locked

    def do(self, provider: IdentityProvider, account: Account, scene: Scene, image: Learned) -> str:
        """Lock."""
        provider.lock(account)
        return ""

    def undo(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> str:
        """Unlock, unless the lock is somebody else's."""
        why = self._left(account, scene, image)
        if why is None:
            provider.unlock(account)
        if why or not image.get("touched") or account.mark:
            return why or ""
        return "unlocked; the provider does not tell whether somebody else locked them for good meanwhile: look"

    def undone(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """No lock of this lease is left."""
        return self._left(account, scene, image) is not None

    def _left(self, account: Account, scene: Scene, image: Image) -> str | None:
        """Why there is nothing to unlock; None = there is."""
        if not account.locked:
            return ""
        if not _locked_by_us(image):
            return "was locked before; left so"
        if not (image.get("touched") or image.get("ours")):
            return "was locked by somebody else before its turn; left so"
        if scene.others.get(account.name):
            return "another lease locks this user, too; left so"
        known = str(image.get("seen") or "")
        if known and account.mark and account.mark != known:
            return "somebody else changed the lock since; left so"
        return None


def _locked_by_us(image: Image) -> bool:
    return not image.get("locked") or bool(image.get("ours"))


def _spare(account: Account, scene: Scene) -> None:
    """Raises Refused for those whom guards spare, whatever name the plan had for them."""
    if account.names & scene.spared:
        raise Refused("identity.spared", "is an emergency account or runs the response; left out")


class _Final:
    """What cannot be undone, and is never asked for."""

    def undo(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> str:
        """Nothing comes back."""
        return ""

    def undone(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """There is nothing to wait for."""
        return True


class SessionEnd(_Final):
    """The user's sessions and refresh tokens end."""

    def before(self, provider: IdentityProvider, account: Account, scene: Scene) -> dict[str, Any]:
        """Nothing of it comes back."""
        _spare(account, scene)
        return {}

    def done(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """Nothing from before the lease is left."""
        return provider.ended(account, scene.since)

    def do(self, provider: IdentityProvider, account: Account, scene: Scene, image: Learned) -> str:
        """End them."""
        provider.end_sessions(account)
        return ""


class PasswordReset(_Final):
    """The user's password is worthless until they set a new one by mail."""

    def before(self, provider: IdentityProvider, account: Account, scene: Scene) -> dict[str, Any]:
        """Who has no password there cannot have it reset."""
        if why := provider.no_reset(account):
            raise Refused("identity.password", why)
        return {}

    def done(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """The password of before the lease opens nothing, and the mail was sent, or cannot be."""
        return bool(image.get("mailed")) and provider.was_reset(account, scene.since)

    def do(self, provider: IdentityProvider, account: Account, scene: Scene, image: Learned) -> str:
        """Reset it, then have the mail sent: in a later round again, until one left or `_MOST_MAILS` were in vain."""
        if not provider.was_reset(account, scene.since):
            provider.force_reset(account)
        image["mails"] = int(image.get("mails") or 0) + 1
        try:
            provider.mail_reset(account)
        except Slowed:
            image["mails"] -= 1
            raise
        except OpsSpineError as error:
            image["mailed"] = isinstance(error, Refused) or image["mails"] >= _MOST_MAILS
            again = "" if image["mailed"] else ", it is tried again"
            return f"the old password is dead, but no mail was sent{again} ({error})"
        image["mailed"] = True
        return ""


class RoleRevocation:
    """The user holds none of the roles."""

    def before(self, provider: IdentityProvider, account: Account, scene: Scene) -> dict[str, Any]:
        """The roles they hold, exactly as they would be given back."""
        _spare(account, scene)
        held = provider.roles(account, scene.roles)
        mine = [grant for grant in held if not grant.inherited]
        if bound := next((grant for grant in mine if grant.bound), None):
            raise Refused("identity.role", f"{bound.name}: {bound.bound}")
        if not mine:
            why = "only through a group or another role; take it away there" if held else "holds none of the roles"
            raise Refused("identity.role", why)
        return {"roles": [{"name": grant.name, "record": grant.record} for grant in mine]}

    def done(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """None of the roles is given to the user directly."""
        return not _direct(provider, account, _names(image))

    def do(self, provider: IdentityProvider, account: Account, scene: Scene, image: Learned) -> str:
        """Take them away, if administrators remain at this very moment."""
        named = {target.lower() for target in scene.targets}
        able = [admin for admin in provider.admins() if not admin.locked and not admin.names & named]
        if len(able) < LEAST_ADMINS_LEFT:
            raise Refused("identity.last_admin", f"only {len(able)} other administrators can log in; nothing was done")
        for grant in _direct(provider, account, _names(image)):
            provider.revoke(account, grant)
        left = [grant.name for grant in provider.roles(account, _names(image)) if grant.inherited]
        return f"still has {', '.join(left)} through a group or another role" if left else ""

    def undo(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> str:
        """Give back what was taken and is still absent, unless another lease takes it, too."""
        kept = []
        for grant in self._absent(provider, account, image):
            if any(grant.name in _names(other) for other in scene.others.get(account.name, ())):
                kept.append(grant.name)
            else:
                provider.grant(account, grant)
        return f"another lease takes {', '.join(kept)} away, too; left so" if kept else ""

    def undone(self, provider: IdentityProvider, account: Account, scene: Scene, image: Image) -> bool:
        """Every role taken is there again, or taken by another lease."""
        taken = {name for other in scene.others.get(account.name, ()) for name in _names(other)}
        return all(grant.name in taken for grant in self._absent(provider, account, image))

    def _absent(self, provider: IdentityProvider, account: Account, image: Image) -> list[Grant]:
        if not image.get("touched"):
            return []
        there = {grant.name for grant in _direct(provider, account, _names(image))}
        return [Grant(name=role["name"], record=role["record"]) for role in image["roles"] if role["name"] not in there]


def _names(image: Image) -> list[str]:
    return [str(role["name"]) for role in image.get("roles", ())]


def _direct(provider: IdentityProvider, account: Account, names: Collection[str]) -> list[Grant]:
    return [grant for grant in provider.roles(account, names) if not grant.inherited]
