"""JWT validation errors: good tokens are refused, or a bad one is accepted.

Looks like  tokens refused for an unknown key right after a rotation, at one service or at all; or one single token
            accepted with no algorithm, a key nobody trusts, or a wrong issuer or audience.
Costs       everybody whose token is refused signs in again, and again; who gets a forged token in is anybody.
Not this    tokens that expired idle, clocks up to 60 s apart, somebody who tries made-up keys from a few addresses,
            tokens of staging, an overlap of keys of up to five minutes that was planned.

Responds to the cause: evidence.snapshot, then jwks.refresh for a key that was not read yet, jwt.kid_overlap for one
that was taken away too early and is not tainted, jwt.kid_reject and session.revoke_scope for one that nobody trusts.
The checks of signature, issuer and audience are never relaxed, and a compromised key is never accepted again.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from runbooks import token_example
from runbooks.remedy import refresh, snapshot, uncured
from runbooks.token import ACCEPTED, MANY_PEOPLE, REFUSED, Cause, Key, Tokens, people
from spine.case import Case, Confounder, Diagnosis, Proposal
from spine.criteria import eased
from spine.detect.subject import is_everybody
from spine.incident import Incident, IncidentKind
from spine.outlook import following, impact, way_back
from spine.plan import Decision, Hypothesis, RiskNote, ShareLimit, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings

OVERLAP, REJECT, REVOKE = "jwt.kid_overlap", "jwt.kid_reject", "session.revoke_scope"
MOST_REJECTED = 5
"""Source: bounds of jwt.kid_reject."""
_REFRESHED = frozenset({Cause.STALE, Cause.UNCACHED, Cause.UNEXPLAINED})
_ADVICE: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.STALE: "purge the cache that serves the old keys, sign with the old key again, and purge once more",
        Cause.UNCACHED: "let the verifiers read the key set again, or start them anew",
        Cause.DROPPED: "ask the issuer to show the key again until its tokens have ended",
        Cause.UNEXPLAINED: "ask the issuer whose key it is; accept none that nobody vouches for",
        Cause.SIGNATURE: "compare the verifier's key with the issuer's; never skip the check of a signature",
        Cause.BINDING: "compare issuer and audience that the service expects with those of the tokens",
        Cause.CLOCK: "mend the clock that NTP has lost; allow for two minutes at the most",
        Cause.UNSAID: "read the service's own log of these refusals",
    }
)


def diagnose(case: Case) -> Diagnosis:
    """What became of the keys, whether a bad token got in, and how much of it is as it should be."""
    seen = Tokens(case)
    cause, wrong = seen.cause, seen.wrong
    named = (wrong if seen.accepted_wrongly else seen.faulty)["service"].dropna()
    services = sorted({str(one) for one in named})
    beyond = "" if _cure(case, seen) or cause is Cause.HARMLESS else _beyond(seen, services)
    return Diagnosis(
        attack_class=cause.value,
        summary=_summary(seen, services) + (f". To do: {beyond}" if beyond else ""),
        confirmation=_confirmation(seen),
        confirmed_by=_confirmed_by(seen),
        confounders=_confounders(seen),
        missing=(*uncured(beyond), *_missing(case, seen)),
        unsuppressible=seen.accepted_wrongly,
        cause_confirmed=seen.accepted_wrongly,
        beyond=beyond,
        numbers={
            "refused": float(len(seen.refused)), "faulty": float(len(seen.faulty)),
            "people": float(people(seen.faulty)), "services": float(len(services)),
            "accepted_wrongly": float(len(wrong)), "unknown_keys": float(len(seen.keys)),
            "share_of_refusals": seen.share,
            **{f"cause_{one.name.lower()}": float(n) for one, n in seen.counts.items()},
        },
    )  # fmt: skip


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """The likeliest cause first, every other that some refusal speaks for, and that all is as it should be."""
    seen = Tokens(case)
    harmless, total = len(seen.refused) - len(seen.faulty), len(seen.refused)
    others = [cause for cause in seen.counts if cause is not seen.cause]
    first = (f"{len(seen.wrong)} accepted tokens should have been refused",) if seen.accepted_wrongly else ()
    asked = tuple(check.because for check in seen.bad[:3])
    return (
        Hypothesis(cause=seen.cause.value, for_=(*first, *_speaks(seen, seen.cause), *asked)),
        *(Hypothesis(cause=cause.value, for_=_speaks(seen, cause)) for cause in others),
        *((Hypothesis(
            cause=Cause.HARMLESS.value,
            for_=(f"{harmless} of {total} refusals are so",) if harmless else (),
            against=(f"{len(seen.faulty)} refusals are not",) if len(seen.faulty) else (),
        ),) if seen.cause is not Cause.HARMLESS else ()),
    )  # fmt: skip


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """What the cause asks for; nothing against tokens that are refused as they should be."""
    seen = Tokens(case)
    if not seen.accepted_wrongly and seen.faulty.empty:
        return []
    return [one for one in (snapshot(), *_cure(case, seen)) if one.action_key not in case.tried]


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """Few refusals for a while, nearly all tokens accepted and none of them wrong; while a key is accepted again, a
    single wrong one takes that back."""
    base = eased(case, settings.model_copy(update={"hold_minutes": settings.token_hold_minutes}))
    usual = max((f.observed.get("usual", 0.0) / max(f.n, 1) for f in case.firing), default=0.0)
    least = 1 - min(1.0, max(settings.max_tokens_refused, settings.baseline_factor * usual))
    limits = [
        ShareLimit(
            name="tokens that are accepted", of=(ACCEPTED, REFUSED), part=(ACCEPTED,), least=round(least, 4),
            min_events=settings.min_tokens,
        ),
        ShareLimit(
            name="accepted tokens that are right", of=(ACCEPTED,), part=(ACCEPTED,), sound=True, least=1.0, min_events=1
        ),
    ]  # fmt: skip
    if any(one.action_key == OVERLAP for one in _cure(case, Tokens(case))):
        limits.append(
            ShareLimit(
                name="accepted tokens that are wrong", of=(ACCEPTED,), part=(ACCEPTED,), sound=False, most=0.0,
                min_events=1,
            )
        )  # fmt: skip
    return base.model_copy(update={"shares": (*base.shares, *limits)})


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, when it is undone."""
    whom = "all tenants" if is_everybody(incident.subject) else incident.tenant_id
    return (
        f"Tokens of {whom}: {impact(decision)}. "
        f"Plan: {', '.join(s.action_key for s in decision.steps) or 'none'}. "
        f"Needed: {following(decision)}. {way_back(decision)}"
    )


def _cure(case: Case, seen: Tokens) -> list[Proposal]:
    """The actions that the cause asks for and that were not tried; [] = none can help."""
    cure: list[Proposal] = []
    material = any(check.name.endswith(".material") for check in seen.bad)
    if _REFRESHED & set(seen.counts) or (material and Cause.SIGNATURE in seen.counts):
        cure += refresh(case, seen.refreshed())
    again = seen.overlapped()
    if again and not seen.accepted_wrongly:
        verify = "tokens of the key are accepted, forged ones still refused"
        cure.append(Proposal(action_key=OVERLAP, targets=(again[0],), verify=verify))
    kids = seen.rejected()
    if kids:
        verify = "every service refuses tokens of the key, and accepts those of another"
        cure.append(Proposal(action_key=REJECT, targets=tuple(kids[:MOST_REJECTED]), verify=verify))
        scope = {"scope": "all" if is_everybody(case.incident.subject) else "tenant"}
        after = () if REJECT in case.tried else (REJECT,)
        verify = "sessions from before are refused, and people can sign in again"
        cure.append(Proposal(action_key=REVOKE, params=scope, after=after, verify=verify))
    return [one for one in cure if one.action_key not in case.tried]


def _summary(seen: Tokens, services: list[str]) -> str:
    refused, faulty = len(seen.refused), len(seen.faulty)
    told = f"{faulty} of {refused} refusals are a fault, of {people(seen.faulty)} people"
    if seen.accepted_wrongly:
        told = f"{len(seen.wrong)} of them" + (f"; {told}" if refused else "")
    where = ", ".join(one[:60] for one in services[:3])
    return f"{seen.cause.value}{f' at {where}' if where else ''}: {told}"


def _speaks(seen: Tokens, cause: Cause) -> tuple[str, ...]:
    n = seen.counts.get(cause, 0)
    return (f"{n} of {len(seen.refused)} refusals",) if n else ()


def _confirmation(seen: Tokens) -> float:
    """A wrongly accepted token is a fact; a key is as sure as what the issuer, or many people, say of it."""
    if seen.accepted_wrongly:
        return 1.0
    if seen.confirmed:
        return max(0.75, seen.share)
    sure = 0.75 if people(seen.faulty) >= MANY_PEOPLE else 0.4
    return seen.share * (0.25 if seen.cause in (Cause.UNSAID, Cause.HARMLESS) else sure)


def _confirmed_by(seen: Tokens) -> str:
    if seen.accepted_wrongly:
        flaws = ", ".join(sorted({str(flaw.value) for flaw in seen.wrong["flaw"]}))
        return f"a token was accepted that should have been refused: {flaws or 'as its event said'}"
    if seen.bad:
        return seen.bad[0].because
    return f"{seen.share:.0%} of the refusals say so, of {people(seen.faulty)} people"


def _confounders(seen: Tokens) -> tuple[Confounder, ...]:
    """Refusals that are as they should be weigh against a fault, unless a bad token got in."""
    total, harmless = len(seen.refused), len(seen.refused) - len(seen.faulty)
    if not total or harmless / total < 0.25 or seen.accepted_wrongly:
        return ()
    share, made_up, foreign = harmless / total, len(seen.of(Key.MADE_UP)), int(seen.refused["foreign"].sum())
    because = (
        f"{share:.0%} of the refusals are expired, forged or foreign tokens "
        f"({made_up} keys made up, {foreign} tokens of other issuers)"
    )
    return (Confounder(name="refused as they should be", weight=0.4 * share, because=because),)


def _beyond(seen: Tokens, services: list[str]) -> str:
    """What people have to do, by the cause."""
    if seen.cause is Cause.ACCEPTED:
        where = ", ".join(one[:60] for one in services[:3]) or "the service that checked them"
        return f"the check itself lets bad tokens in; roll {where} back to a release that refuses them, now"
    return f"{seen.cause.value}: {_ADVICE[seen.cause]}"


def _missing(case: Case, seen: Tokens) -> tuple[str, ...]:
    found = []
    if silent := seen.counts.get(Cause.UNSAID, 0):
        found.append(f"{silent} refusals do not say why, or not of which key (`reject_reason`, `kid`)")
    if _REFRESHED & set(seen.counts) and not seen.refreshed():
        found.append("whose keys to read again is not known: set OPSSPINE_PROBE__OIDC, and send `iss` with refusals")
    early = [kid for kid in seen.of(Key.DROPPED) if kid not in seen.overlapped()]
    if early:
        named = ", ".join(kid[:40] for kid in early[:3])
        found.append(f"{named}: if trusted before and not tainted, name it in OPSSPINE_POLICY__FORMER_KIDS")
    if len(again := seen.overlapped()) > 1:
        found.append(f"{len(again)} keys were taken away early; one at a time is accepted again, {again[0][:40]} first")
    if case.readable and not (case.logins["type"] == ACCEPTED).any():
        found.append("no accepted token is reported (jwt_accepted): nothing will show that people get through")
    return tuple(found)


RUNBOOK = Runbook(
    kind=IncidentKind.JWT_VALIDATION_ERRORS,
    version="1",
    title="JWT validation errors",
    owner="platform on-call",
    summary=__doc__ or "",
    ladder=("evidence.snapshot", "jwks.refresh", OVERLAP, REJECT, REVOKE),
    asks=("jwks_comparison", "oidc_discovery", "tls_expiry", "clock_skew"),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="a key that is accepted again was stolen after all",
            likelihood="low: the operator names it as trusted and untainted",
            impact="whoever has it is anybody",
            mitigation="one key, for an hour at a time; a single wrong token that is accepted takes it back",
        ),
        RiskNote(
            risk="people whose sessions end cannot sign in again",
            likelihood="low: another key works at every service before one is rejected",
            impact="they wait until sign-in works",
            mitigation="two people agree; the capacity for logins is looked at before",
        ),
    ),
    messages=Messages(
        admin=tell_admins, user="You may need to sign in again.", audience="platform; security if one was accepted"
    ),
    examples=(
        Example("a new signing key that verifiers have not read", token_example.rotated, acts=True),
        Example("a key that was dropped while its tokens live", token_example.dropped, acts=True),
        Example("a token without an algorithm, accepted", token_example.no_algorithm, acts=True),
        Example("made-up keys from two addresses", token_example.fuzzed, acts=False),
        Example("tokens of staging", token_example.staging, acts=False),
    ),
)
