"""The rules a decision is made under: who asks, where, for how many tenants, and the operator's settings."""

from dataclasses import dataclass
from typing import Any

from spine.action import SiteFacts
from spine.settings import DecisionSettings, PolicySettings, Settings, VerifySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagState:
    """A flag's base definition now."""

    version: int
    value: Any
    """The variant everybody gets who is not targeted otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything that is not evidence."""

    environment: str = "prod"
    role: str = "engine"
    tenants: int | None = 1
    """How many tenants the plan reaches; None = all."""
    undrilled: str = ""
    """Why the runbook may do nothing automatically (spine/rehearsal.py); "" = it may."""
    decision: DecisionSettings
    policy: PolicySettings
    verify: VerifySettings
    site: SiteFacts

    @classmethod
    def of(cls, settings: Settings, *, tenants: int | None = 1, undrilled: str = "") -> "Rules":
        """The rules of this installation."""
        return cls(
            environment=settings.env,
            tenants=tenants,
            undrilled=undrilled,
            decision=settings.decision,
            policy=settings.policy,
            verify=settings.verify,
            site=site_facts(settings.policy, tuple(known.issuer for known in settings.probe.oidc.values())),
        )


def site_facts(policy: PolicySettings, issuers: tuple[str, ...]) -> SiteFacts:
    """What the operator said about the installation."""
    return SiteFacts(
        allowlist=tuple(policy.allowlist),
        own_networks=tuple(policy.own_networks),
        probe_networks=tuple(policy.probe_networks),
        captcha_provider=policy.captcha_provider,
        captcha_accessible=policy.captcha_accessible,
        email_secondary=policy.email_secondary,
        email_secondary_ready=policy.email_secondary_ready,
        link_minutes=policy.link_minutes,
        oauth_known_good=policy.oauth_known_good,
        issuers=issuers,
        former_kids=tuple(policy.former_kids),
        compromised_kids=tuple(policy.compromised_kids),
        origin_headroom=policy.origin_headroom,
    )
