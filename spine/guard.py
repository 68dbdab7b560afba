"""Guards that several actions share. Each is a pure function of a GuardView, and fails closed."""

import pandas as pd

from spine.action import Guard, GuardView
from spine.network import overlapping
from spine.plan import GuardResult

_BROWSER = r"mozilla/|opera/"
"""Every browser in use begins its user agent with one of these."""


def legitimate_hit(most: float = 0.01) -> Guard:
    """The replay of the last hour must hit at most `most` (0..1) of the legitimate attempts."""

    def guard(view: GuardView) -> GuardResult:
        radius = view.blast_radius
        if radius is None:
            return _unknown("legitimate_hit", f"the last hour's {view.noun} could not be read")
        share = radius.legitimate_share
        because = (
            f"would hit {radius.legitimate_hit} of {radius.legitimate_events} legitimate {view.noun} "
            f"({share:.2%}, at most {most:.0%})"
        )
        return GuardResult(name="legitimate_hit", passed=share <= most, because=because)

    return guard


def _spares(name: str, whose: str, attribute: str) -> Guard:
    def guard(view: GuardView) -> GuardResult:
        networks: tuple[str, ...] | None = getattr(view.site, attribute)
        if networks is None:
            return _unknown(name, f"the list of {whose} could not be read")
        hit = overlapping(view.targets, networks)
        because = f"{', '.join(hit[:3])} overlaps {whose}" if hit else f"no target overlaps {whose}"
        return GuardResult(name=name, passed=not hit, because=because)

    return guard


not_allowlisted: Guard = _spares("not_allowlisted", "allowlisted networks", "allowlist")
"""No target may overlap an allowlisted network."""
not_self: Guard = _spares("not_self", "our own networks", "own_networks")
"""No target may overlap the networks we and the application come from."""
not_probe: Guard = _spares("not_probe", "networks of synthetic checks", "probe_networks")
"""No target may overlap the networks synthetic checks come from."""


def captcha_ready(view: GuardView) -> GuardResult:
    """A captcha provider is configured, and people who cannot solve it have another way."""
    provider, accessible = view.site.captcha_provider, view.site.captcha_accessible
    if provider is None or accessible is None:
        return _unknown("captcha_ready", "the captcha provider could not be asked")
    if not provider:
        return GuardResult(name="captcha_ready", passed=False, because="no captcha provider is configured")
    if not accessible:
        return GuardResult(
            name="captcha_ready", passed=False, because=f"{provider} has no accessible alternative configured"
        )
    return GuardResult(name="captcha_ready", passed=True, because=f"{provider} with an accessible alternative")


def no_api_clients(view: GuardView) -> GuardResult:
    """Nobody legitimate logs in by a program, which could not solve a captcha."""
    name = "no_api_clients"
    if view.blast_radius is None:
        return _unknown(name, f"the last hour's {view.noun} could not be read")
    return programs(name, view.noun, view.logins.loc[view.logins["legitimate"].astype(bool), "user_agent"])


def programs(name: str, noun: str, agents: "pd.Series[str]") -> GuardResult:
    """Passes when all of the legitimate `agents` are browsers; when none says what it is, nobody knows."""
    named = agents.dropna().astype(str)
    named = named[named.str.strip() != ""]
    if len(agents) and named.empty:
        return _unknown(name, f"none of {len(agents)} legitimate {noun} names its user agent")
    others: pd.Series[str] = named[~named.str.lower().str.match(_BROWSER)]
    if len(others):
        because = f"{len(others)} legitimate {noun} come from programs, for instance {str(others.iloc[0])[:60]!r}"
        return GuardResult(name=name, passed=False, because=because)
    return GuardResult(name=name, passed=True, because=f"{len(named)} legitimate {noun}, all by browsers")


def _unknown(name: str, because: str) -> GuardResult:
    return GuardResult(name=name, passed=None, because=f"{because}; refused to be safe")
