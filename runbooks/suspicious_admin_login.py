"""Suspicious admin login: somebody logs in as an administrator who may not be them.

Looks like  a login unlike the administrator's others: another device, country or network, a weak factor; a password
            that was right and a second factor that was not; a burst of denied pushes; an emergency account in use;
            privileged changes soon after.
Costs       an administrator can let anybody in for good: a token, an application, an identity provider takes a minute.
Not this    a registered journey or device, a provisioning bot that is pinned, an odd hour alone.

Responds evidence.snapshot, user.notify to other administrators and never to the suspected one, user.stepup_require
with factors from before the incident, session.revoke_user, and once something was changed admin.freeze and
admin.role_revoke. A second person confirms before anything is taken back; what was granted without right stays revoked.
"""

from collections.abc import Sequence
from datetime import timedelta

from runbooks.suspect import SNAPSHOT_HOURS, Trail, counted, gaps, said, trail
from runbooks.suspect_example import journey, odd_hour, strange_login, taken_over
from spine.case import Case, Confounder, Diagnosis, Proposal
from spine.criteria import recovery
from spine.event_type import EventType
from spine.incident import Incident, IncidentKind
from spine.lingering import STRONG, USES, ending
from spine.outlook import following
from spine.plan import Decision, Hypothesis, Lingering, RiskNote, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings
from spine.severity import Severity

T = EventType
BREAK_GLASS = "break_glass_login"
FACTS = {
    BREAK_GLASS: "an emergency account was used",
    "admin_second_factor_failed": "the password was right, the second factor was not",
    "admin_pushes_denied": "pushes were denied again and again: somebody has the password",
    "admin_change_on_new_device": "privileged changes soon after a login with a device nobody saw before",
    "admin_new_identity_provider": "a new identity provider, whose owner can log in as anybody",
    "admins_replaced": "an administrator was invited and others were deleted within minutes",
}
"""Detectors that fire on what events say by themselves, and what that is."""
KNOWS_PASSWORD = frozenset({"admin_second_factor_failed", "admin_pushes_denied"})
"""Of these nobody need be inside."""
SHOWN_WITHIN = timedelta(minutes=15)
"""By then the administrator has shown a further factor, or the session is dead. Source: RUNBOOKS 2.7."""
MOST_TOLD = 20
"""Other administrators who are asked. Judgement."""
WEAK = frozenset({"password", "sms", "voice", "email", "question"})
_ADMINS = (T.ADMIN_LOGIN.value, T.ADMIN_ACTION.value)
_DOINGS = (*USES, *_ADMINS, T.MFA_ENROLLED.value, T.MFA_REMOVED.value)
_CONTACTS = ("role_granted", "admin_invited", "user_changed", "mfa_reset", "user_created")
"""Changes after which how to reach somebody may be the intruder's choice."""
USER_LINE = "Was this you? Confirm with a second admin."
ADMIN_LINE = (
    "A login of one of your administrators looks unlike them. Ask them in person or by phone: was this you? "
    "Confirm with a second admin."
)


def diagnose(case: Case) -> Diagnosis:
    """Whose login, how unlike them, what was changed afterwards, and what of it would outlive the session."""
    known = trail(case)
    fired = sorted({f.detector for f in case.firing})
    facts = tuple(FACTS[name] for name in fired if name in FACTS)
    confirmation, because = _confirmation(case, known, facts)
    numbers = {
        "admins": float(len(known.users)),
        "addresses": float(len(known.addresses)),
        "sessions": float(len(known.sessions)),
        "privileged_changes": float(len(known.writes)),
        "persistence": float(len(known.persistence)),
        "bits": max((f.observed.get("bits", 0.0) for f in case.firing), default=0.0),
    }
    kept = f", left behind: {', '.join(known.persistence)}" if known.persistence else ""
    what = _classify(case, known)
    return Diagnosis(
        attack_class=what,
        summary=(
            f"{what}: {counted(numbers['admins'], 'administrator')} from "
            f"{counted(numbers['addresses'], 'foreign address')}, "
            f"{counted(numbers['privileged_changes'], 'privileged change')}{kept}"
        ),
        confirmation=confirmation,
        confirmed_by=because,
        addresses=known.addresses,
        compromised_users=known.users,
        confounders=() if facts else _confounders(case, known),
        missing=_missing(case, known),
        unsuppressible=BREAK_GLASS in fired,
        cause_confirmed=bool(facts),
        numbers=numbers,
    )


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """Somebody else, the administrator on a journey, or an emergency that is being handled."""
    known = trail(case)
    facts = tuple(FACTS[f] for f in sorted({f.detector for f in case.firing}) if f in FACTS)
    changes = tuple(
        f"{row.occurred_at:%H:%M:%S}Z {str(row.change).replace('_', ' ')}" for row in known.writes.itertuples()
    )
    harmless = tuple(c.because for c in found.confounders)
    chain = (known.chain(),) if known.chain() else ()
    emergency = (FACTS[BREAK_GLASS],) if any(f.detector == BREAK_GLASS for f in case.firing) else ()
    inside = (*facts, *chain, *changes[:5])
    return (
        Hypothesis(cause="somebody else has the administrator's account", for_=inside, against=harmless),
        Hypothesis(cause="the administrator, on a journey or with a new device", for_=harmless, against=facts),
        Hypothesis(
            cause="an emergency is being handled",
            for_=emergency,
            against=() if emergency else ("no emergency account was used",),
        ),
    )


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """Freeze what is seen, ask the other administrators, ask for a factor from before, cut off, and stop changes."""
    known = trail(case)
    rungs = [
        Proposal(action_key="evidence.snapshot", params={"hours": SNAPSHOT_HOURS}, verify="its hash is kept"),
        *_asking(case, known),
        *_cutting_off(case, known),
    ]
    return [rung for rung in rungs if rung.action_key not in case.tried]


def _asking(case: Case, known: Trail) -> list[Proposal]:
    """Other administrators whether it is them, and whoever it is for a factor."""
    whom, others = known.users[:1], _others(case, known)
    told = Proposal(
        action_key="user.notify", targets=others, params={"message": ADMIN_LINE},
        verify="another administrator answers for the login, or does not",
    )  # fmt: skip
    factor = Proposal(
        action_key="user.stepup_require", targets=whom,
        params={"whom": "everybody" if whom else "admins", "factors_before": case.incident.first_event_at},
        verify="a factor that cannot be phished is shown within 15 minutes, or the session is dead",
    )  # fmt: skip
    return [told, factor] if others else [factor]


def _cutting_off(case: Case, known: Trail) -> list[Proposal]:
    """The session, unless nobody need be inside; once something was changed, all changes and the role."""
    whom = known.users[:1]
    changed = len(known.writes) > 0 or case.incident.severity is Severity.CRITICAL
    inside = changed or not {f.detector for f in case.firing} <= KNOWS_PASSWORD | {BREAK_GLASS}
    rungs = []
    if whom and inside:
        verify = "nothing of the old session works any more"
        rungs.append(Proposal(action_key="session.revoke_user", targets=whom, verify=verify))
    if changed:
        rungs.append(Proposal(action_key="admin.freeze", verify="privileged changes are refused, emergencies excepted"))
    if changed and whom:
        verify = "another administrator can still log in and change"
        rungs.append(Proposal(action_key="admin.role_revoke", targets=whom, verify=verify))
    return rungs


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """Within 15 minutes a factor that cannot be phished, or nothing more from there; then calm for 30 minutes."""
    known, usual = trail(case), recovery(case, settings)
    if not known.users:
        return usual
    watched = Lingering(
        users=known.users, sessions=known.sessions, addresses=known.addresses, types=_DOINGS, factors=STRONG
    )  # fmt: skip
    return ending(usual, watched, settings, within=SHOWN_WITHIN)


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, and who confirms before anything is undone. Never sent to the suspect."""
    rollback = decision.rollback_plan
    until = f"by itself at the latest by {rollback.deadline:%H:%M}Z" if rollback and rollback.deadline else "by people"
    return (
        f"An administrator's login at {incident.tenant_id} is suspicious, {incident.severity.label}. "
        f"Plan: {', '.join(s.action_key for s in decision.steps) or 'none'}. Needed: {following(decision)}. "
        f"Ask them in person or by phone: was this you? Confirm with a second admin. Containment is undone by people "
        f"alone, after that second person; the rest is undone {until}. What was granted without right stays revoked."
    )


def _classify(case: Case, known: Trail) -> str:
    fired = {f.detector for f in case.firing}
    if known.persistence or "admins_replaced" in fired:
        return "a takeover that prepares to stay"
    if len(known.writes) or "admin_change_on_new_device" in fired:
        return "a suspicious login that changed something"
    if fired & KNOWS_PASSWORD and fired <= KNOWS_PASSWORD:
        return "somebody knows an administrator's password"
    return "use of an emergency account" if BREAK_GLASS in fired else "a login unlike the administrator's others"


def _confirmation(case: Case, known: Trail, facts: tuple[str, ...]) -> tuple[float, str]:
    """Facts need no more; a login that is merely unlike the others is borne out by what goes with it."""
    if facts:
        return 1.0, "; ".join(facts)
    if not case.readable or known.foreign.empty:
        return 0.0, "no event of it is among those of the last hour"
    bits = {name: f.observed.get(f"bits_{name}", 0.0) for f in case.firing for name in ("agent", "country", "travel")}
    signs = {
        "a new device": known.said("device_new", True) or known.other_device or bits.get("agent", 0.0) >= 2,
        "a new country": bits.get("country", 0.0) >= 2 or bits.get("travel", 0.0) > 0,
        "a weak factor": _weak(known),
        "an anonymiser": known.said("anonymiser", True),
        "privileged changes": len(known.writes) > 0,
    }
    seen = [sign for sign, is_so in signs.items() if is_so]
    return min(0.25 + 0.25 * len(seen), 1.0), f"seen with it: {', '.join(seen) or 'nothing more'}"


def _weak(known: Trail) -> bool:
    logins = known.foreign[known.foreign["type"] == T.ADMIN_LOGIN.value]
    return any(said(one, "mfa_used") is False or said(one, "factor") in WEAK for one in logins["attributes"])


def _confounders(case: Case, known: Trail) -> tuple[Confounder, ...]:
    found = []
    if known.same_device:
        because = "every device seen there is one the administrator has elsewhere"
        found.append(Confounder(name="own device", weight=0.2, because=because))
    if any(known.said("factor", factor) for factor in STRONG):
        because = "a factor that cannot be phished was shown there"
        found.append(Confounder(name="strong factor", weight=0.2, because=because))
    if case.suspects and not known.addresses:
        because = "the administrator logged in from there before"
        found.append(Confounder(name="own address", weight=0.1, because=because))
    return tuple(found)


def _others(case: Case, known: Trail) -> tuple[str, ...]:
    """Administrators of the hour who are not suspected, and whose contact nobody touched in it."""
    if not case.readable:
        return ()
    changes = case.logins[case.logins["type"] == T.ADMIN_ACTION.value]
    touched = {said(one, "target_user_id") for one in changes["attributes"] if said(one, "admin_action") in _CONTACTS}
    touched |= set(case.along.loc[case.along["type"] == T.MFA_ENROLLED.value, "user_id"]) if len(case.along) else set()
    rows = case.logins[case.logins["type"].isin(_ADMINS) & ~case.logins["attack"].astype(bool)]
    admins = {str(user) for user in rows["user_id"].dropna()} - {str(one) for one in touched} - set(known.users)
    return tuple(sorted(admins)[:MOST_TOLD])


def _missing(case: Case, known: Trail) -> tuple[str, ...]:
    found = list(gaps(case, known))
    others = _others(case, known)
    if not others:
        found.append("no other administrator was seen in the last hour: whom to ask must be looked up")
    else:
        found.append("whether contacts of the other administrators are older than 7 days: only the last hour was read")
    if any(said(one, "factor") is None for one in known.foreign.loc[known.foreign["type"] == _ADMINS[0], "attributes"]):
        found.append("a login does not say by which factor (`factor`)")
    return tuple(found)


RUNBOOK = Runbook(
    kind=IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
    version="1",
    title="Suspicious admin login",
    owner="security on-call",
    summary=__doc__ or "",
    ladder=(
        "evidence.snapshot", "user.notify", "user.stepup_require", "session.revoke_user", "admin.freeze",
        "admin.role_revoke",
    ),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="the administrator is cut off in the middle of their work",
            likelihood="medium: journeys and new devices look alike",
            impact="they sign in again with a factor from before; changes wait while they are frozen",
            mitigation="other administrators are asked at once; emergency accounts are exempt from the freeze",
        ),
        RiskNote(
            risk="the tenant is left without an administrator",
            likelihood="low: two others who can log in must remain",
            impact="nobody can repair anything",
            mitigation="the role is taken from one alone, by two people; who remains is looked up first",
        ),
        RiskNote(
            risk="the intruder reads along",
            likelihood="medium where the mailbox or chat is theirs, too",
            impact="they hurry, and cover their tracks",
            mitigation="nothing is sent to the suspected account; the evidence is frozen first",
        ),
    ),
    messages=Messages(
        admin=tell_admins, user=USER_LINE, audience="other administrators and security; never the suspect channel"
    ),
    examples=(
        Example("a new device and country with a weak factor, then an API token", taken_over, acts=True),
        Example("the same login before anything was changed", strange_login, acts=True),
        Example("an odd hour alone", odd_hour, acts=False),
        Example("a journey with the usual device", journey, acts=False),
    ),
)  # fmt: skip
