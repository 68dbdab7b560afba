"""Guards of single actions: what must be so before just this one runs. Pure, and each fails closed."""

import pandas as pd

from spine.abuse import REQUESTS_PER_USER, USERS_PER_ADDRESS, abuse_in, of_abusers, requests
from spine.action import GuardView
from spine.event_type import EventType
from spine.family import Fate
from spine.guard import legitimate_hit, no_api_clients, programs
from spine.plan import GuardResult
from spine.throttle import over_limit

LEAST_DELIVERIES = 20
"""Deliveries needed to know how long delivery takes. Judgement."""
LEAST_WITH_ANOTHER_WAY = 0.95
"""Share of the affected who need another way in. Source: RUNBOOKS 1."""
MOST_LIMITED = 0.01
"""Share of what is legitimate that a limit may hit. Source: RUNBOOKS 1."""
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
    name = "abuse_proven"
    if view.blast_radius is None or "type" not in view.along:
        return _unknown(name, "the last hour's requests could not be read")
    seen = abuse_in(requests(view.along))
    because = (
        f"at most {seen.per_user} requests for one user in the hour and {seen.per_address} users from one address in "
        f"15 minutes ({REQUESTS_PER_USER} or {USERS_PER_ADDRESS} prove abuse)"
    )
    return GuardResult(name=name, passed=seen.proven, because=because)


def few_people_limited(view: GuardView) -> GuardResult:
    """A limit hits hardly anybody legitimate: of logins by the replay of attempts, of resets by that of requests."""
    most = MOST_LIMITED
    if view.params is None or view.params.flow == "login":
        return legitimate_hit(most)(view)
    name, column = "legitimate_hit", "ip" if view.params.scope == "address" else "user_id"
    if view.blast_radius is None or "type" not in view.along:
        return _unknown(name, "the last hour's requests could not be read")
    asked = requests(view.along)
    refused = over_limit(
        asked[column], asked["occurred_at"], per_minute=view.params.per_minute, burst=view.params.burst
    )
    people = ~of_abusers(asked, abuse_in(asked))
    hit, share = int((refused & people).sum()), float(refused[people].mean()) if people.any() else 0.0
    because = f"would hit {hit} of {int(people.sum())} legitimate requests ({share:.2%}, at most {most:.0%})"
    return GuardResult(name=name, passed=share <= most, because=because)


def people_can_solve(view: GuardView) -> GuardResult:
    """Nobody legitimate uses a program: to log in, or, where the captcha is for them, to sign up."""
    if view.params is None or view.params.flow == "login":
        return no_api_clients(view)
    if view.blast_radius is None or "type" not in view.along:
        return _unknown("no_api_clients", "the last hour's sign-ups could not be read")
    rows = pd.concat([view.along, view.logins], ignore_index=True)
    rows = rows[rows["type"].isin((EventType.SIGNUP_SUCCEEDED.value, EventType.EMAIL_VERIFICATION_COMPLETED.value))]
    real = [not (isinstance(said, dict) and said.get("disposable_domain") is True) for said in rows["attributes"]]
    return programs("no_api_clients", "sign-ups", rows.loc[real, "user_agent"])


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
