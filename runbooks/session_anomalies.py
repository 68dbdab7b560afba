"""Session anomalies: a session that cannot be its user's own.

Looks like  a browser's session goes on in a program at another address, a refresh comes back long after it was used,
            two users share a session, a user is in two countries at once, or begins sessions by the dozen.
Costs       whoever holds a session needs no password and no second factor: all the user may do, until it ends.
Not this    a VPN, a relay or a satellite with the user's own device; from Wi-Fi to mobile and back, IPv4 and IPv6; an
            updated browser; a retry that lost a race; a database of places that errs.

Responds evidence.snapshot, user.stepup_require with factors from before the incident, session.revoke_user with its
refresh tokens, then user.notify; session.revoke_scope only when sessions are given to the wrong people.
"""

from collections.abc import Sequence

import pandas as pd

from runbooks.suspect import MOST_USERS, SNAPSHOT_HOURS, Trail, counted, gaps, is_program, said, told, trail
from runbooks.suspect_example import late_retry, relayed, replayed_cookie, travelled
from spine.case import Case, Confounder, Diagnosis, Proposal
from spine.criteria import recovery
from spine.diagnostic import State
from spine.event_type import EventType
from spine.incident import Incident, IncidentKind
from spine.lingering import USES, ending
from spine.outlook import following, way_back
from spine.plan import Decision, Hypothesis, Lingering, RiskNote, ShareLimit, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings

T = EventType
FACTS = {
    "session_replayed": "a program elsewhere uses a browser's session",
    "refresh_reused": "a refresh came back long after it was used",
    "shared_session": "two users share one session",
}
"""Detectors that fire on what events say by themselves, and what that is."""
GUESSES = "guessed_session_ids"
MISROUTED_SESSIONS = 2
"""So many sessions with two users are no theft: answers or cookies go to the wrong people. Judgement."""
LEAST_BACK = 0.9
"""Share of sign-ins that must work after everybody was signed out. Source: RUNBOOKS 2.6."""
USER_LINE = "We signed you out after unusual use; sign in from the app and review devices."


def diagnose(case: Case) -> Diagnosis:
    """Whose session, used from where and by what, what came of it, and what harmless thing would look the same."""
    known = trail(case)
    facts = tuple(FACTS[name] for name in sorted({f.detector for f in case.firing}) if name in FACTS)
    numbers = _numbers(case, known)
    confirmation, because = _confirmation(case, known, facts)
    what = _classify(case, numbers)
    return Diagnosis(
        attack_class=what,
        summary=(
            f"{what}: {counted(numbers['users'], 'user')}, {counted(numbers['sessions'], 'session')} used from "
            f"{counted(numbers['addresses'], 'foreign address')}, "
            f"{counted(numbers['privileged_changes'], 'privileged change')}"
        ),
        confirmation=confirmation,
        confirmed_by=because,
        addresses=known.addresses,
        compromised_users=known.users,
        confounders=() if facts else _confounders(known),
        missing=gaps(case, known),
        unsuppressible=case.state("success_after_attack", "entered") is State.BAD,
        cause_confirmed=bool(facts),
        beyond=_beyond(case, known),
        numbers=numbers,
    )


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """Theft, a mistake of ours that hands sessions to others, or a user on the move."""
    known, n = trail(case), found.numbers
    harmless = tuple(c.because for c in found.confounders)
    chain = known.chain()
    kept = f"afterwards there: {', '.join(known.persistence)}" if known.persistence else ""
    facts = tuple(FACTS[f] for f in sorted({f.detector for f in case.firing}) if f in FACTS)
    return (
        Hypothesis(
            cause="a stolen session, or stolen tokens",
            for_=tuple(line for line in (*facts, chain, kept) if line),
            against=harmless,
        ),
        Hypothesis(
            cause="sessions are given to the wrong people",
            for_=(f"{counted(n['shared_sessions'], 'session')} with two users",) if n["shared_sessions"] else (),
            against=() if n["shared_sessions"] else ("no session of the hour has two users",),
        ),
        Hypothesis(
            cause="the user, by a VPN, on the move or on a new device",
            for_=harmless,
            against=tuple(line for line in (chain,) if line and not harmless),
        ),
    )


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """Freeze what is seen, ask for a factor from before, end the user's sessions, and tell them."""
    known = trail(case)
    rungs = [Proposal(action_key="evidence.snapshot", params={"hours": SNAPSHOT_HOURS}, verify="its hash is kept")]
    users = known.users[:MOST_USERS]
    if users:
        rungs += [
            Proposal(
                action_key="user.stepup_require", targets=users,
                params={"factors_before": case.incident.first_event_at},
                verify="the user shows a factor from before the incident, or nothing goes on",
            ),
            Proposal(
                action_key="session.revoke_user", targets=users,
                verify="the old session and its tokens are refused within 60 seconds, and stay so for 30 minutes",
            ),
            Proposal(
                action_key="user.notify", targets=users, params={"message": USER_LINE}, after=("session.revoke_user",),
                verify="the application took the notice",
            ),
        ]  # fmt: skip
    if found.numbers["shared_sessions"] >= MISROUTED_SESSIONS:
        rungs.append(
            Proposal(
                action_key="session.revoke_scope", params={"scope": "tenant"},
                verify="nine of ten sign-ins work afterwards",
            )
        )  # fmt: skip
    return [rung for rung in rungs if rung.action_key not in case.tried]


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """Nothing of the old sessions, from 60 seconds on and for 30 minutes; most sign-ins work if all were signed out."""
    known, usual = trail(case), recovery(case, settings)
    if not known.users:
        return usual
    watched = Lingering(
        users=known.users[:MOST_USERS], sessions=known.sessions, addresses=known.addresses, types=USES
    )  # fmt: skip
    made = ending(usual, watched, settings)
    if found.numbers["shared_sessions"] < MISROUTED_SESSIONS:
        return made
    back = ShareLimit(
        name="sign-ins that work", of=(T.LOGIN_SUCCEEDED.value, T.LOGIN_FAILED.value), part=(T.LOGIN_SUCCEEDED.value,),
        least=LEAST_BACK, min_events=max(settings.min_legitimate, 1),
    )  # fmt: skip
    return made.model_copy(update={"shares": (back,), "baseline_success_rate": 1.0, "max_success_drop": 1.0})


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, what cannot be undone, and when the rest is."""
    ended = any(step.action_key.startswith("session.revoke") for step in decision.steps)
    again = "Users of ended sessions sign in again. " if ended else ""
    return (
        f"Session anomaly at {incident.tenant_id}, {incident.severity.label}. "
        f"Plan: {', '.join(s.action_key for s in decision.steps) or 'none'}. Needed: {following(decision)}. "
        f"{again}{way_back(decision)}"
    )


def _classify(case: Case, numbers: dict[str, float]) -> str:
    fired = {f.detector for f in case.firing}
    if numbers["shared_sessions"] >= MISROUTED_SESSIONS:
        return "sessions given to the wrong people"
    names = (
        ("shared_session", "one session of two users"),
        ("session_replayed", "a replayed session"),
        ("refresh_reused", "a replayed refresh"),
        ("many_devices", "one session on many devices"),
        ("impossible_travel", "impossible travel"),
        ("session_flood", "a flood of sessions"),
        (GUESSES, "guessing of session ids"),
    )
    return next((told for name, told in names if name in fired), "an odd session")


def _confirmation(case: Case, known: Trail, facts: tuple[str, ...]) -> tuple[float, str]:
    """Facts need no more; of travel and floods the events must say that it is another device, or worse."""
    if facts:
        return 1.0, "; ".join(facts)
    if not case.readable or known.foreign.empty:
        return 0.0, "no event of it is among those of the last hour"
    agents = is_program(known.foreign["user_agent"])
    signs = {
        "another device": known.other_device or any(f.observed.get("new_device") == 1 for f in case.firing),
        "a program": bool(agents.any()) or known.said("automation", True),
        "privileged changes": len(known.writes) > 0,
        "a login after failures": case.state("success_after_attack", "entered") is State.BAD,
    }
    seen = [sign for sign, is_so in signs.items() if is_so]
    return min(0.25 + 0.25 * len(seen), 1.0), f"seen from there: {', '.join(seen) or 'nothing that is not the user'}"


def _confounders(known: Trail) -> tuple[Confounder, ...]:
    found = []
    if known.said("anonymiser", True):
        because = "the address is a VPN, a relay or a proxy"
        found.append(Confounder(name="anonymiser", weight=0.2, because=because))
    if known.same_device:
        found.append(Confounder(name="own device", weight=0.2, because="every device seen there is one of the user's"))
    countries = set(known.foreign["country"].dropna())
    if known.addresses and countries and countries <= set(known.home["country"].dropna()):
        found.append(Confounder(name="own country", weight=0.1, because="the user was in that country before"))
    return tuple(found)


def _beyond(case: Case, known: Trail) -> str:
    if {f.detector for f in case.firing} == {GUESSES}:
        return "no action here stops guesses of session ids: limit the address where requests come in"
    return "" if known.users or not case.firing else "nobody can be named whose sessions could be ended"


def _numbers(case: Case, known: Trail) -> dict[str, float]:
    programs = is_program(known.foreign["user_agent"])
    return {
        "users": float(len(known.users)),
        "sessions": float(len(known.sessions)),
        "addresses": float(len(known.addresses)),
        "events_there": float(len(known.foreign)),
        "by_programs": float(programs.sum()),
        "privileged_changes": float(len(known.writes)),
        "shared_sessions": float(_shared(case)),
    }


def _shared(case: Case) -> int:
    """Sessions of the tenant that two users used in the last hour, administrators who act for others left out."""
    rows = case.logins.dropna(subset=["user_id", "session_id"])
    rows = rows[~told(rows, "is_admin", True)]
    owners = pd.Series(
        [said(one, "owner_user_id") or None for one in rows["attributes"]], index=rows.index, dtype=object
    )
    both = pd.concat([rows[["session_id", "user_id"]], rows[["session_id"]].assign(user_id=owners)])
    return int((both.dropna().groupby("session_id")["user_id"].nunique() > 1).sum())


RUNBOOK = Runbook(
    kind=IncidentKind.SESSION_ANOMALIES,
    version="1",
    title="Session anomalies",
    owner="identity on-call",
    summary=__doc__ or "",
    ladder=(
        "evidence.snapshot", "user.stepup_require", "session.revoke_user", "user.notify", "session.revoke_scope",
    ),
    asks=("success_after_attack",),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="the user is signed out although it was them",
            likelihood="low where a program uses a browser's session, medium for travel",
            impact="they sign in again and lose unsaved work",
            mitigation="nobody but the named users; the further factor is dropped when it was them; they are told",
        ),
        RiskNote(
            risk="access tokens outlive the session",
            likelihood="certain where the application does not honour auth.session.notBefore",
            impact="the thief goes on until the token ends",
            mitigation="verification counts every further use, and says so; then a person ends it",
        ),
    ),
    messages=Messages(admin=tell_admins, user=USER_LINE, audience="the user, and security"),
    examples=(
        Example("a cookie replayed by a program elsewhere", replayed_cookie, acts=True),
        Example("in two countries within minutes, on another device", travelled, acts=True),
        Example("a relay with the user's own device", relayed, acts=False),
        Example("a retry after five seconds", late_retry, acts=False),
    ),
)  # fmt: skip
