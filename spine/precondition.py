"""Guards of single actions: what must be so before just this one runs. Pure, and each fails closed."""

import pandas as pd

from spine.action import GuardView
from spine.event_type import EventType
from spine.family import Fate
from spine.plan import GuardResult

REQUESTS_PER_USER, USERS_PER_ADDRESS = 5, 20
"""Resets of one user in an hour, or users of one address in 15 minutes, that prove abuse. Source: RUNBOOKS 2.2."""
LEAST_DELIVERIES = 20
"""Deliveries needed to know how long delivery takes. Judgement."""
LEAST_WITH_ANOTHER_WAY = 0.95
"""Share of the affected who need another way in. Source: RUNBOOKS 1."""
LEAST_HEADROOM = 0.3
"""What the origin must be able to serve beside today's peak. Source: RUNBOOKS 1."""
_DELIVERED = {
    "reset": EventType.PASSWORD_RESET_DELIVERED.value,
    "verification": EventType.EMAIL_VERIFICATION_DELIVERED.value,
}


def factors_from_before(view: GuardView) -> GuardResult:
    """Only factors that were enrolled before the incident count, or the attacker enrols one of his own."""
    name = "factors_from_before"
    if view.params is None or view.began is None:
        return _unknown(name, "when the incident began is unknown")
    since = view.params.factors_before
    if since is None or since > view.began:
        because = f"factors_before must be no later than the incident, which began {view.began:%Y-%m-%d %H:%M:%S}Z"
        return GuardResult(name=name, passed=False, because=because)
    return GuardResult(name=name, passed=True, because=f"only factors from before {since:%Y-%m-%d %H:%M:%S}Z count")


def secondary_ready(view: GuardView) -> GuardResult:
    """A second mail provider is configured, its DNS aligns and a canary was delivered."""
    name, provider, ready = "secondary_ready", view.site.email_secondary, view.site.email_secondary_ready
    if provider is None or ready is None:
        return _unknown(name, "the second mail provider could not be looked up")
    if not provider:
        return GuardResult(name=name, passed=False, because="no second mail provider is configured")
    told = "aligns and delivered a canary" if ready else "was not shown to align and to deliver a canary"
    return GuardResult(name=name, passed=ready, because=f"{provider} {told}")


def abuse_proven(view: GuardView) -> GuardResult:
    """Somebody asks for one user's resets again and again, or for many users' from one address."""
    name, asked = "abuse_proven", view.along
    if view.blast_radius is None or "type" not in asked:
        return _unknown(name, "the last hour's requests could not be read")
    asked = asked[asked["type"] == EventType.PASSWORD_RESET_REQUESTED.value]
    per_user = asked["user_id"].value_counts().max() if asked["user_id"].notna().any() else 0
    quarter = asked["occurred_at"].dt.floor("15min")
    users = asked.groupby(["ip", quarter])["user_id"].nunique()
    per_address = int(users.max()) if len(users) else 0
    proven = bool(per_user >= REQUESTS_PER_USER or per_address >= USERS_PER_ADDRESS)
    because = (
        f"at most {per_user} requests for one user in the hour and {per_address} users from one address in 15 minutes "
        f"({REQUESTS_PER_USER} or {USERS_PER_ADDRESS} prove abuse)"
    )
    return GuardResult(name=name, passed=proven, because=because)


def links_too_short(view: GuardView) -> GuardResult:
    """One mail in twenty takes longer to arrive than its link lives."""
    name = "links_too_short"
    if view.params is None or view.blast_radius is None:
        return _unknown(name, "the last hour's deliveries could not be read")
    token = view.params.token
    minutes = (view.site.link_minutes or {}).get(token)
    if minutes is None:
        return _unknown(name, f"how long a link of {token} lives is not configured")
    rows = view.logins[view.logins["type"] == _DELIVERED[token]]
    told = rows["attributes"].map(lambda said: said.get("delivery_seconds") if isinstance(said, dict) else None)
    seconds = pd.to_numeric(told, errors="coerce").dropna()
    if len(seconds) < LEAST_DELIVERIES:
        return _unknown(name, f"only {len(seconds)} deliveries say how long they took, {LEAST_DELIVERIES} are needed")
    late = float(seconds.quantile(0.95)) / 60
    because = f"95% of {len(seconds)} mails arrive within {late:.0f} min, the link lives {minutes:.0f} min"
    return GuardResult(name=name, passed=late > minutes, because=because)


def another_way(view: GuardView) -> GuardResult:
    """Nearly everybody who logs in by the provider got in by another one lately."""
    name = "another_way"
    if view.blast_radius is None or view.ways is None:
        return _unknown(name, "other ways in could not be looked up")
    affected = set(view.logins.loc[view.logins["provider"].isin(view.targets), "user_id"].dropna())
    if not affected:
        return _unknown(name, "nobody of the last hour is known to log in by this provider")
    spared = sum(bool(view.ways.get(user, frozenset()) - set(view.targets)) for user in affected)
    share = spared / len(affected)
    because = f"{spared} of {len(affected)} affected users got in another way within 30 days ({share:.0%})"
    return GuardResult(name=name, passed=share >= LEAST_WITH_ANOTHER_WAY, because=because)


def known_good_version(view: GuardView) -> GuardResult:
    """The version gone back to is the one whose synthetic flow passed."""
    name = "known_good_version"
    if view.params is None or view.site.oauth_known_good is None:
        return _unknown(name, "the known good versions could not be looked up")
    provider, version = view.params.provider, view.params.version
    good = view.site.oauth_known_good.get(provider) == version
    told = "passed its synthetic flow" if good else f"is not the known good configuration of {provider!r}"
    return GuardResult(name=name, passed=good, because=f"version {version!r} {told}")


def issuer_known(view: GuardView) -> GuardResult:
    """The issuer is one of ours, and is read over TLS."""
    if view.site.issuers is None:
        return _unknown("issuer_known", "the issuers could not be looked up")
    strange = [t for t in view.targets if t not in view.site.issuers or not t.startswith("https://")]
    told = f"{strange[0][:80]} is not among the configured issuers (HTTPS)" if strange else "configured, over TLS"
    return GuardResult(name="issuer_known", passed=not strange, because=told)


def not_compromised(view: GuardView) -> GuardResult:
    """A compromised key is never accepted again."""
    if view.site.compromised_kids is None:
        return _unknown("not_compromised", "the compromised keys could not be looked up")
    tainted = sorted(set(view.targets) & set(view.site.compromised_kids))
    told = f"{', '.join(tainted)[:80]} is compromised" if tainted else "no target is known to be compromised"
    return GuardResult(name="not_compromised", passed=not tainted, because=told)


def formerly_trusted(view: GuardView) -> GuardResult:
    """Only keys the operator names as trusted before are accepted again: an accepted token proves nothing."""
    if view.site.former_kids is None:
        return _unknown("formerly_trusted", "the keys trusted before could not be looked up")
    strange = sorted(set(view.targets) - set(view.site.former_kids))
    told = f"{', '.join(strange)[:80]} was never trusted" if strange else "every target was trusted before"
    return GuardResult(name="formerly_trusted", passed=not strange, because=told)


def replacement_live(view: GuardView) -> GuardResult:
    """Every service that accepts tokens accepts some that another key signed."""
    name = "replacement_live"
    if view.blast_radius is None:
        return _unknown(name, "the last hour's tokens could not be read")
    rows = view.logins[(view.logins["fate"] == Fate.WORKED) & view.logins["kid"].notna()]
    if rows.empty:
        return _unknown(name, "no accepted token names its key")
    other = (~rows["kid"].isin(view.targets)).groupby(rows["service"].fillna("")).any()
    left = sorted(str(service) or "unnamed" for service in other.index[~other])
    told = f"only the rejected key works at: {', '.join(left[:3])}" if left else f"at all {len(other)} services"
    return GuardResult(name=name, passed=not left, because=f"another key is accepted, {told}" if not left else told)


def origin_has_headroom(view: GuardView) -> GuardResult:
    """The origin can serve what the shared cache served."""
    spare = view.site.origin_headroom
    if spare is None:
        return _unknown("origin_has_headroom", "how much more the origin can serve is not configured")
    because = f"the origin has {spare:.0%} to spare, {LEAST_HEADROOM:.0%} are needed"
    return GuardResult(name="origin_has_headroom", passed=spare >= LEAST_HEADROOM, because=because)


def _unknown(name: str, because: str) -> GuardResult:
    return GuardResult(name=name, passed=None, because=f"{because}; refused to be safe")
