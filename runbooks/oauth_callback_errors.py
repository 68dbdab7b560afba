"""OAuth callback errors: people come back from a provider, and cannot sign in.

Looks like  callbacks, exchanges or userinfo requests of one provider fail that worked an hour ago.
Costs       everybody who has no other way in, and every sign-up that begins with that provider.
Not this    a user who says no (access_denied), a silent attempt (prompt=none, login_required), the back button, bots,
            one customer's own mistake with their single sign-on.
Worse       a sign-in that gets in with a wrong state or nonce, or at another redirect URI: one is critical.

Responds to the cause: evidence.snapshot, then jwks.refresh for keys, oauth.config_rollback for our configuration, or
oauth.provider_disable, which hides a provider while nearly everybody has another way in, and at its end offers it to
10, then 50 percent of the people first: where it still fails it is hidden again. The checks of state, PKCE and redirect
URI are never relaxed.
"""

from collections.abc import Sequence

from runbooks import callback_example
from runbooks.callback import ERROR, OK, Callbacks, asked, counted
from runbooks.remedy import issuer_of, refresh, snapshot, uncured
from spine.callback import Fault
from spine.case import Case, Confounder, Diagnosis, Proposal
from spine.criteria import eased
from spine.detect.subject import is_everybody, provider_of
from spine.diagnostic import State
from spine.incident import Incident, IncidentKind
from spine.outlook import following, impact, way_back
from spine.plan import Decision, Hypothesis, RiskNote, ShareLimit, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings

HIDE = "oauth.provider_disable"
ROLLED_BACK = frozenset({Fault.REDIRECT, Fault.CLIENT, Fault.CONFIGURATION})
"""What a former configuration of ours mends. Source: RUNBOOKS 2.3, Diagnose."""
FEW_USERS = 3
"""Fewer people than this who fail are no fault of everybody's. Source: RUNBOOKS 2.3, Fire."""
MOSTLY = 0.5
"""From this share of failing callbacks on a provider is worth hiding although its fault is not known. Judgement."""
_MEND = {
    Fault.GRANT: "see whether codes are used twice, come late or lack their PKCE verifier; never skip the check",
    Fault.SESSION: "see SameSite, domain and path of the state cookie in the latest release; never skip the check",
    Fault.CLIENT: "see at the provider whether the client's secret has ended, and renew it",
    Fault.REDIRECT: "correct the redirect URI, character by character; never register a wildcard",
    Fault.CONFIGURATION: "compare the client's configuration with the provider's",
    Fault.KEYS: "see why tokens of the provider do not check; never skip the check of a signature",
    Fault.PROVIDER: "see the provider's status page, and ask them",
    Fault.BYPASS: "make the check hold in every release that serves callbacks, and look at who got in past it",
    Fault.UNSAID: "read the application's own log of these callbacks",
}  # fmt: skip


def diagnose(case: Case) -> Diagnosis:
    """Whose fault it is: ours (redirect, secret, state), the provider's, or that of a code; and who is hit."""
    seen = Callbacks.of(case)
    state = _state(case, seen)
    where = f" at {seen.provider}" if seen.provider else ""
    beyond = _advice(case, seen) if seen.bypassed or not (seen.harmless or _cure(case, seen)) else ""
    fault = Fault.USER if seen.harmless else seen.fault
    what = f"{fault.value}{where}" if len(seen.rows) else "no callback could be looked at"
    return Diagnosis(
        attack_class=what,
        summary=(
            f"{what}: {len(seen.failed)} of {len(seen.rows)} callbacks of {seen.people} users fail, {seen.share:.0%} "
            f"of them in this way; {seen.refused} users said no themselves" + (f". To do: {beyond}" if beyond else "")
        ),
        confirmation=_confirmation(seen, state),
        confirmed_by=f"{seen.share:.0%} of the failures say so; what was asked of the world says {state.value}",
        confounders=_confounders(seen),
        unsuppressible=seen.bypassed,
        cause_confirmed=seen.bypassed,
        missing=(*uncured(beyond), *_missing(case, seen)),
        beyond=beyond,
        numbers={
            "failures": float(len(seen.failed)), "callbacks": float(len(seen.rows)), "users": float(seen.people),
            "refused_by_users": float(seen.refused), "failing": seen.failing, "share_of_failures": seen.share,
            **{f"fault_{fault.name.lower()}": float(n) for fault, n in counted(seen.failed).items()},
        },
    )  # fmt: skip


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """The likeliest fault first, then every other that some failure or diagnostic speaks for, then the users."""
    seen = Callbacks.of(case)
    counts = counted(seen.failed)
    rest = [fault for fault in Fault if fault not in (seen.fault, Fault.USER)]
    telling = [fault for fault in rest if counts.get(fault) or asked(case, seen.provider, fault) is State.BAD]
    return (
        *(_hypothesis(case, seen, fault, counts.get(fault, 0)) for fault in (seen.fault, *telling)),
        Hypothesis(
            cause=Fault.USER.value,
            for_=(f"{seen.refused} callbacks say so",) if seen.refused else (),
            against=(f"{len(seen.failed)} callbacks fail otherwise",) if len(seen.failed) else (),
        ),
    )


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """What mends the fault; where nothing is left to mend it, hide the provider. Users' own choices need nothing."""
    seen = Callbacks.of(case)
    if seen.harmless or not len(seen.failed):
        return []
    return [one for one in (snapshot(), *_cure(case, seen)) if one.action_key not in case.tried]


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """Few failures for a while, nobody hurt, and callbacks that work as usual; of a hidden provider there are none."""
    base = eased(case, settings)
    if any(one.action_key == HIDE for one in _cure(case, Callbacks.of(case))):
        return base
    usual = max((f.observed.get("usual_ratio", 0.0) for f in case.firing), default=0.0)
    n = found.numbers
    refused = n.get("refused_by_users", 0.0) / max(n.get("callbacks", 0.0), 1.0)
    least = max(0.0, 1 - min(1.0, usual + refused) - settings.max_callback_points)
    works = ShareLimit(
        name="callbacks that work", of=(OK, ERROR), part=(OK,), least=round(least, 4),
        min_events=settings.min_callbacks,
    )  # fmt: skip
    return base.model_copy(update={"shares": (*base.shares, works)})


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, when it is undone."""
    whom = "all tenants" if is_everybody(incident.subject) else incident.tenant_id
    provider = provider_of(incident.subject) or "a provider"
    return (
        f"Sign-in with {provider} fails at {whom}: {impact(decision)}. "
        f"Plan: {', '.join(s.action_key for s in decision.steps) or 'none'}. "
        f"Needed: {following(decision)}. {way_back(decision)}"
    )


def _cure(case: Case, seen: Callbacks) -> list[Proposal]:
    """The action that the fault asks for and that was not tried, else to hide what fails mostly; [] = none."""
    if seen.bypassed:
        return _refused_entry(case, seen)
    cure: list[Proposal] = []
    if seen.fault is Fault.KEYS and (issuer := issuer_of(case, seen.provider)):
        cure += refresh(case, [issuer])
    version = _known_good(case, seen.provider)
    if seen.fault in ROLLED_BACK and seen.provider and version:
        params = {"provider": seen.provider, "version": version}
        verify = "callbacks work again, three synthetic round trips among them"
        cure.append(Proposal(action_key="oauth.config_rollback", params=params, verify=verify))
    cure = [one for one in cure if one.action_key not in case.tried]
    if cure or not seen.provider or HIDE in case.tried:
        return cure
    if seen.fault is not Fault.PROVIDER and seen.failing < MOSTLY:
        return []
    verify = "nobody is sent to the provider, and people get in another way"
    return [Proposal(action_key=HIDE, params={"mode": "hide"}, targets=(seen.provider,), verify=verify)]


def _refused_entry(case: Case, seen: Callbacks) -> list[Proposal]:
    """Where sign-ins get in past a check nobody may sign in that way until it holds again."""
    if not seen.provider or HIDE in case.tried:
        return []
    verify = "nobody gets in by the provider, and people get in another way"
    return [Proposal(action_key=HIDE, params={"mode": "block"}, targets=(seen.provider,), verify=verify)]


def _state(case: Case, seen: Callbacks) -> State:
    """What was asked of the world about the fault. That a document is there proves no provider healthy."""
    state = asked(case, seen.provider, seen.fault)
    return State.UNKNOWN if state is State.OK and seen.fault is not Fault.REDIRECT else state


def _confirmation(seen: Callbacks, state: State) -> float:
    if not len(seen.failed):
        return 0.0
    if seen.bypassed:
        return 1.0
    if state is State.BAD:
        return max(0.75, seen.share)
    sure = 0.25 if seen.fault is Fault.UNSAID else 0.5 if state is State.OK else 0.75
    return sure * seen.share


def _known_good(case: Case, provider: str) -> str:
    known = case.site.oauth_known_good if case.site else None
    return (known or {}).get(provider, "")


def _advice(case: Case, seen: Callbacks) -> str:
    """What people have to do, by the cause."""
    if case.state("release_split", "oauth.release") is State.BAD:
        return "one release of the application fails where others do not: roll it back"
    if seen.fault is Fault.GRANT and case.state("clock_skew") is State.BAD:
        return "clocks disagree, so codes and tokens seem too old: mend the one that NTP has lost"
    return f"{seen.fault.value}: {_MEND[seen.fault]}"


def _hypothesis(case: Case, seen: Callbacks, fault: Fault, n: int) -> Hypothesis:
    state = asked(case, seen.provider, fault)
    speaks = f"{n} of {len(seen.failed)} failures say so"
    return Hypothesis(
        cause=fault.value,
        for_=((speaks,) if n else ()) + (("a diagnostic found it",) if state is State.BAD else ()),
        against=("the diagnostic that looks for it found nothing",) if state is State.OK else (),
    )


def _confounders(seen: Callbacks) -> tuple[Confounder, ...]:
    """Harmless causes, with the share of the evidence that speaks for them."""
    found = []
    total = len(seen.failed) + seen.refused
    if total and seen.refused / total >= 0.25:
        share = seen.refused / total
        because = f"{share:.0%} of what failed was the user's own choice"
        found.append(Confounder(name="users said no", weight=0.4 * share, because=because))
    if len(seen.failed) and seen.people < FEW_USERS and not seen.bypassed:
        because = f"only {seen.people} users fail: the back button, a bot, or one account"
        found.append(Confounder(name="few people", weight=0.3, because=because))
    later = seen.second_try
    if later >= 0.25:
        because = f"{later:.0%} of those who failed got in afterwards"
        found.append(Confounder(name="a second try works", weight=0.2 * later, because=because))
    return tuple(found)


def _missing(case: Case, seen: Callbacks) -> tuple[str, ...]:
    found = []
    silent = int((seen.failed["fault"] == Fault.UNSAID).sum())
    if silent:
        found.append(f"{silent} callbacks do not say why they failed (`oauth_error`, `error_class`, `http_status`)")
    if case.readable and not seen.provider:
        found.append("no failing callback names its provider (`provider`): none can be hidden or rolled back")
    if seen.provider and seen.fault in ROLLED_BACK and not _known_good(case, seen.provider):
        found.append(
            f"no known good configuration of {seen.provider[:60]}: name its version in "
            "OPSSPINE_POLICY__OAUTH_KNOWN_GOOD while sign-in works"
        )
    if seen.fault is Fault.KEYS and not issuer_of(case, seen.provider):
        found.append(f"the issuer of {seen.provider[:60] or 'the provider'} is not known: set OPSSPINE_PROBE__OIDC")
    if case.readable and case.ways is None:
        found.append("by which other ways people get in was not looked up: no provider can be hidden")
    return tuple(found)


RUNBOOK = Runbook(
    kind=IncidentKind.OAUTH_CALLBACK_ERRORS,
    version="1",
    title="OAuth callback errors",
    owner="identity on-call",
    summary=__doc__ or "",
    ladder=("evidence.snapshot", "jwks.refresh", "oauth.config_rollback", HIDE),
    asks=("oidc_discovery", "redirect_uri", "jwks_comparison", "tls_expiry", "clock_skew", "release_split"),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="people whose only way in is the hidden provider are locked out",
            likelihood="low: 95 % of those affected got in another way within 30 days",
            impact="they cannot sign in until it is shown again",
            mitigation="it is hidden, not refused; the lease ends by itself; other ways in are watched",
        ),
        RiskNote(
            risk="the former configuration lacks what was changed since",
            likelihood="low: its synthetic flow passed",
            impact="a new client, scope or redirect URI does not work meanwhile",
            mitigation="only the version that the operator calls known good; back again with the lease",
        ),
    ),
    messages=Messages(
        admin=tell_admins, user="Use another sign-in method.", audience="the provider's owner, and growth"
    ),
    examples=(
        Example("a redirect URI that is not registered", callback_example.mismatch, acts=True),
        Example("a provider that answers 503 to all tenants", callback_example.outage, acts=True),
        Example("a sign-in that got in with a wrong state", callback_example.bypass, acts=True),
        Example("forty users who said no", lambda: callback_example.refused("access_denied"), acts=False),
        Example(
            "silent attempts that had to ask (prompt=none)",
            lambda: callback_example.refused("login_required"),
            acts=False,
        ),
    ),
)
