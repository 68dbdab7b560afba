"""The declaration of an action: its bounds, its risk, what must hold before it runs, and what it would stop.

Each `tasks/mitigations/<kind>.py` exports one as `SPEC`. The decision engine knows no more of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any, Generic, TypeVar

import pandas as pd
from pydantic import ValidationError

from spine.easing import Stage
from spine.identity import IdentityFacts, LookUp
from spine.plan import BlastRadius, Frozen, GuardResult, Risk
from spine.settings.respond import PolicySettings
from spine.span import span


class ActionParams(Frozen):
    """Base of an action's parameters: frozen, unknown names are errors, bounds by `pydantic.Field`."""


P = TypeVar("P", bound=ActionParams)


class NoParams(ActionParams):
    """For actions that need none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttl:
    """How long an action may hold; at the end it reverts by itself."""

    min: timedelta
    max: timedelta
    default: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """What an action's targets must be when they are networks (CIDR)."""

    min_prefix_v4: int = 24
    """Nothing wider than this: 24 lets a /24 and a /32 through, not a /16."""
    min_prefix_v6: int = 48

    def problem(self, target: str) -> str | None:
        """Why `target` may not be acted upon, or None."""
        try:
            network = ip_network(target)
        except ValueError:
            return f"{target[:60]!r} is no network in CIDR form"
        narrowest = self.min_prefix_v4 if network.version == 4 else self.min_prefix_v6
        if network.prefixlen < narrowest:
            return f"{target} is wider than /{narrowest}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an action's targets must be when they are the names of something."""

    of: str
    """The property of an evaluation's context that names it, for instance "provider"."""
    noun: str
    """What they are, for people: "providers"."""
    most_characters: int = 200

    def problem(self, target: str) -> str | None:
        """Why `target` may not be acted upon, or None."""
        shown = f"{target[:60]!r} is no name of {self.noun}"
        if not target.strip() or target != target.strip() or not target.isprintable():
            return shown
        if len(target) > self.most_characters:
            return f"{shown}: longer than {self.most_characters} characters"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What guards look up about the installation. None = the look-up failed, and the guard fails closed."""

    allowlist: tuple[str, ...] | None
    """Networks that are never acted against."""
    own_networks: tuple[str, ...] | None
    """Where we ourselves and the application come from."""
    probe_networks: tuple[str, ...] | None
    """Where synthetic checks come from."""
    captcha_provider: str | None
    """Its name; "" = none is configured."""
    captcha_accessible: bool | None
    """True when people who cannot solve it have another way."""
    email_secondary: str | None = None
    """The mail provider to fail over to; "" = none is configured."""
    email_secondary_ready: bool | None = None
    """True when its DNS aligns with the sender's domain and a canary was delivered."""
    link_minutes: Mapping[str, float] | None = None
    """How long links live, by token."""
    oauth_known_good: Mapping[str, str] | None = None
    """Version of each provider's configuration whose synthetic flow passed."""
    issuers: tuple[str, ...] | None = None
    """Issuers whose key sets are trusted."""
    former_kids: tuple[str, ...] | None = None
    """Keys that were trusted before and are not tainted."""
    compromised_kids: tuple[str, ...] | None = None
    origin_headroom: float | None = None
    """What the origin could serve on top of today's peak, as a share of its capacity (0..1)."""
    identity: IdentityFacts | None = None
    """What the tenant's identity provider said; None = it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardView:
    """Everything a guard may look at."""

    params: Any
    """The action's own params model."""
    targets: tuple[str, ...]
    blast_radius: BlastRadius | None
    """None = no events could be read."""
    site: SiteFacts
    began: datetime | None = None
    """When the incident began; None = unknown."""
    along: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The family's other events of the last hour (spine/family.py), without columns when none could be read."""
    ways: Mapping[str, frozenset[str]] | None = None
    """By which providers each user of the case got in within 30 days; None = it was not looked up."""
    noun: str = "logins"
    """What the incident's events are attempts of, for the words of an answer."""
    logins: pd.DataFrame
    """The last hour's attempts, as `ActionSpec.stops` gets them, with the bool columns `attack`
    and `legitimate` added (spine/decision/blast.py)."""


Guard = Callable[[GuardView], GuardResult]
"""A pure function; `passed=None` in its answer means a look-up failed, which counts as failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec(Generic[P]):
    """One kind of action."""

    key: str
    """Stable dotted name, for instance "ip.throttle"."""
    title: str
    """What it does, in words for an approver."""
    params: type[P]
    risk: Risk | Callable[[P], Risk]
    """May depend on the parameters: a captcha for risky logins is low, for everybody medium."""
    reversible: bool
    many: tuple[int, Risk] | None = None
    """With more targets than this it has this risk; None = their number does not matter."""
    ttl: Ttl | None
    """None = it leaves nothing that would have to end (a snapshot)."""
    stops: Callable[[P, tuple[str, ...], pd.DataFrame], "pd.Series[bool]"] = field(
        default=lambda _params, _targets, logins: pd.Series(False, index=logins.index, dtype=bool)
    )
    """Which attempts of the incident's family (spine/family.py) the action would have stopped, aligned with the frame's
    index.

    The frame has columns id, type, occurred_at, user_id, ip, country, user_agent, provider, resource_tenant_id, kid,
    service (None where nobody said), fate (spine/family.py), known_user (bool: the
    user logged in within 30 days before the attack) and known_address (bool: a login from it succeeded
    before the attack), in order of occurred_at.
    """
    max_targets: int = 0
    """0 = it acts on the whole tenant and takes no targets."""
    targets_optional: bool = False
    """True when without targets it acts on the whole tenant."""
    networks: Networks | None = None
    """Set when targets are networks."""
    names: Names | None = None
    """Set when targets are names of something."""
    flag_key: str | None = None
    variant: str | Callable[[P], str] = "on"
    """The flag's variant while the action holds it."""
    guards: tuple[Guard, ...] = ()
    hit_cap: float = 0.01
    """Largest share of legitimate attempts it may stop (0..1)."""
    pre_authorised: bool = False
    """True only for the registry's containment that runs without a gate once its cause is confirmed."""
    containment: bool = False
    """True when it cuts something off to keep harm from spreading, rather than easing it. It fails closed: at the end
    of its lease it stays and somebody is paged, until a person or the end of the incident takes it back."""
    harmless: bool = False
    """True when it only records or tells (snapshot, notify), so that having no way back does not matter."""
    easing: tuple[Stage, ...] = ()
    """How the lease of it ends: these shares of people are let go first, and it is watched how they fare."""
    relapse: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    """Of attempts it concerns (`stops`; with `attributes`), those that tell how people fare, with bool `failed`."""
    challenges: bool = False
    """True when it makes people solve something: how many of them give up is watched."""
    look_ups: frozenset[LookUp] = frozenset()
    """What its guards need to be asked of the world beyond our store (tasks/identity/fact.py)."""
    external: bool = False
    """True when it changes a system other than our own store; policy denies it in dev."""

    @property
    def targets_noun(self) -> str:
        """What its targets are, for people."""
        return "networks" if self.names is None else self.names.noun

    def parse(self, params: Mapping[str, Any]) -> P:
        """The typed parameters.

        Raises:
            pydantic.ValidationError: a name is unknown or a value out of bounds.
        """
        return self.params.model_validate(dict(params))

    def risk_of(self, params: P, targets: tuple[str, ...] = ()) -> Risk:
        """The risk of the action with these parameters on these targets."""
        if self.many is not None and len(targets) > self.many[0]:
            return self.many[1]
        return self.risk(params) if callable(self.risk) else self.risk

    def variant_of(self, params: P) -> str:
        """The variant its flag takes with these parameters."""
        return self.variant(params) if callable(self.variant) else self.variant

    def ttl_bounds(self, settings: PolicySettings) -> Ttl | None:
        """The bounds after the operator's changes: settings may shorten them, never lengthen."""
        if self.ttl is None:
            return None
        shortest = min(self.ttl.min, timedelta(seconds=settings.min_ttl_seconds or self.ttl.min.total_seconds()))
        longest = min(self.ttl.max, timedelta(seconds=settings.max_ttl_seconds or self.ttl.max.total_seconds()))
        longest = max(longest, shortest)
        wanted = settings.ttl_seconds.get(self.key)
        default = self.ttl.default if wanted is None else timedelta(seconds=wanted)
        return Ttl(min=shortest, max=longest, default=min(max(default, shortest), longest))

    def problems(
        self,
        params: Mapping[str, Any],
        targets: tuple[str, ...],
        ttl: timedelta | None,
        settings: PolicySettings,
    ) -> list[str]:
        """Every way in which a step would break this action's bounds; [] = none."""
        found = _param_problems(self.params, params)
        if self.max_targets == 0 and targets:
            found.append(f"{self.key} acts on the whole tenant and takes no targets")
        if self.max_targets and not targets and not self.targets_optional:
            found.append(f"{self.key} needs at least one target")
        if self.max_targets and len(targets) > self.max_targets:
            found.append(f"{len(targets)} targets, at most {self.max_targets} are allowed")
        if (kind := self.networks or self.names) is not None:
            found += [p for t in targets if (p := kind.problem(t)) is not None]
        bounds = self.ttl_bounds(settings)
        if bounds is None and ttl is not None:
            found.append(f"{self.key} takes no time to live")
        if bounds is not None and (ttl is None or not bounds.min <= ttl <= bounds.max):
            wanted = span(ttl) if ttl else "none"
            found.append(f"time to live {wanted} is outside {span(bounds.min)} to {span(bounds.max)}")
        return found


def _param_problems(model: type[ActionParams], params: Mapping[str, Any]) -> list[str]:
    try:
        model.model_validate(dict(params))
    except ValidationError as error:
        return [f"parameter {'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
    return []
