"""Failed logins spike: somebody tries passwords, on many accounts or hard on one.

Looks like  failed logins jump, from addresses that never logged in here before.
Costs       0.1 to 2 % of the tried accounts within minutes, where passwords were stolen elsewhere.
Not this    an office behind one address, a stale service password, a broken client release, an identity
            provider that answers 5xx, a pentest, a good day with more of everything.

Responds graduated and temporary: evidence.snapshot, rate_limit.strict, captcha.require, ip.throttle, ip.block.
"""

from collections.abc import Sequence

import pandas as pd

from spine.case import Case, Confounder, Diagnosis, Proposal
from spine.case_example import Crowd
from spine.case_example import case as example
from spine.criteria import recovery
from spine.decision.blast import SUCCEEDED
from spine.diagnostic import State
from spine.incident import Incident, IncidentKind
from spine.network import gather
from spine.outlook import following, impact, way_back
from spine.plan import Coverage, Decision, Hypothesis, RiskNote, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings
from spine.severity import Severity

THROTTLED_NETWORKS, BLOCKED_NETWORKS = 50, 20
"""Source: RUNBOOKS 1, bounds of ip.throttle and ip.block."""
FEW_USERS = 3
"""So many users may have got in from an attacking address by guessing. Judgement."""
STUFFING_TRIES, SPRAY_TRIES = 2, 6
"""Most tries per user in stuffing and spraying. Source: RUNBOOKS 2.1 (b) and (c)."""
_BROKEN = ("known people fail", "one client", "one release", "identity provider")
"""Confounders that speak for something of ours being broken."""


def diagnose(case: Case) -> Diagnosis:
    """Who tries whom, how hard, who was let in, and how much of it are people we know."""
    hostile = case.logins[case.logins["attack"] & case.logins["ip"].isin(case.suspects)]
    ranked = _ranked(hostile)
    compromised = _compromised(hostile)
    numbers = _numbers(case, hostile, ranked, compromised)
    attack_class = _classify(case, hostile)
    share = numbers["share_of_failures"]
    return Diagnosis(
        attack_class=attack_class,
        summary=(
            f"{attack_class}: {numbers['failures']:.0f} failures on {numbers['users']:.0f} users from "
            f"{numbers['addresses']:.0f} addresses, {len(compromised)} users were let in"
        ),
        confirmation=share,
        confirmed_by=f"{share:.0%} of the hour's failures come from the addresses of the evidence",
        addresses=tuple(str(ip) for ip in ranked.index) if case.readable else tuple(sorted(case.suspects)),
        compromised_users=compromised,
        confounders=_confounders(case, hostile),
        missing=_missing(case),
        unsuppressible=bool(compromised),
        numbers=numbers,
    )


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """The attack, and the harmless causes that would look the same."""
    n = found.numbers
    harmless = {c.name: c.because for c in found.confounders}
    broken = tuple(harmless[name] for name in _BROKEN if name in harmless)
    strangers = f"{n['share_of_failures']:.0%} of the failures come from addresses that never logged in here"
    return (
        Hypothesis(
            cause=found.attack_class,
            for_=(strangers, f"{n['users']:.0f} users tried, {n['tries_per_user']:.1f} tries each"),
            against=tuple(harmless.values()),
        ),
        Hypothesis(
            cause="a broken client release or identity provider",
            for_=broken,
            against=() if broken else (strangers,),
        ),
        Hypothesis(
            cause="many people behind one address",
            against=(f"{len(case.suspects)} addresses of the evidence, none of them known good",),
        ),
    )


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """The ladder from mild to hard; the block only when it is critical or a throttle was not enough."""
    rungs = [
        Proposal(action_key="evidence.snapshot", verify="the snapshot's hash is in the timeline"),
        Proposal(
            action_key="rate_limit.strict",
            params={"scope": "address", "per_minute": _address_limit(case)},
            verify="attempts per address stay under the limit",
        ),
        Proposal(
            action_key="captcha.require",
            params={"mode": "risk"},
            verify="captchas are shown, and people pass them",
        ),
    ]
    verify = "failed logins from the networks fall, throttled ones appear"
    rungs += _aimed(case, found, "ip.throttle", THROTTLED_NETWORKS, verify)
    if case.incident.severity is Severity.CRITICAL or "ip.throttle" in case.tried:
        rungs += _aimed(case, found, "ip.block", BLOCKED_NETWORKS, "no login from the networks is decided any more")
    return [rung for rung in rungs if rung.action_key not in case.tried]


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """Failures at most max(floor, factor x baseline) per window, soon and for a while; nobody legitimate hurt."""
    return recovery(case, settings)


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, when it is undone."""
    return (
        f"Failed logins of {incident.tenant_id}: {impact(decision)}. "
        f"Plan: {', '.join(s.action_key for s in decision.steps) or 'none'}. "
        f"Needed: {following(decision)}. {way_back(decision)}"
    )


def _aimed(case: Case, found: Diagnosis, action_key: str, most: int, verify: str) -> list[Proposal]:
    """The rung on the worst attacking networks, `most` at most; none when there is nobody to aim at."""
    at = gather(found.addresses, most=most, avoid=_spared(case))
    if not at.networks:
        return []
    coverage = Coverage(covered=at.covered, left_out=len(at.left_out))
    return [Proposal(action_key=action_key, targets=at.networks, coverage=coverage, verify=verify)]


def _ranked(hostile: pd.DataFrame) -> pd.DataFrame:
    """One row per attacking address, most attempts first."""
    by = hostile.groupby("ip").agg(attempts=("type", "size"), users=("user_id", "nunique"))
    by["address"] = by.index.astype(str)
    return by.sort_values(["attempts", "users", "address"], ascending=[False, False, True])


def _compromised(hostile: pd.DataFrame) -> tuple[str, ...]:
    """Users let in from an attacking address after it had failed."""
    worked = hostile["type"] == SUCCEEDED
    first = hostile[~worked].groupby("ip")["occurred_at"].min()
    rows = hostile[worked]
    began = pd.to_datetime(rows["ip"].map(first.to_dict()), utc=True)
    after = rows[rows["occurred_at"] > began]
    return tuple(sorted(after["user_id"].dropna().astype(str).unique()))


def _numbers(case: Case, hostile: pd.DataFrame, ranked: pd.DataFrame, compromised: tuple[str, ...]) -> dict[str, float]:
    failures = int((hostile["type"] != SUCCEEDED).sum())
    everywhere = int((case.logins["type"] != SUCCEEDED).sum())
    tries = hostile.groupby("user_id").size()
    return {
        "failures": float(failures),
        "users": float(hostile["user_id"].nunique()),
        "addresses": float(len(ranked)),
        "users_per_address": float(ranked["users"].median()) if len(ranked) else 0.0,
        "tries_per_user": float(tries.median()) if len(tries) else 0.0,
        "compromised_users": float(len(compromised)),
        "share_of_failures": failures / everywhere if everywhere else 0.0,
    }


def _classify(case: Case, hostile: pd.DataFrame) -> str:
    """What kind of attack it is, by users per address and tries per user."""
    if hostile.empty:
        return "failed logins of unknown origin"
    users, addresses = hostile["user_id"].nunique(), hostile["ip"].nunique()
    tries = float(hostile.groupby(["ip", "user_id"]).size().median())
    if users == 1:
        return "password guessing on one user" if addresses == 1 else "one user under attack from many addresses"
    where = "from one address" if addresses == 1 else "from many addresses"
    if tries <= STUFFING_TRIES:
        return f"credential stuffing {where}"
    return f"password spraying {where}" if tries <= SPRAY_TRIES else f"password guessing {where}"


def _confounders(case: Case, hostile: pd.DataFrame) -> tuple[Confounder, ...]:
    """Harmless causes, with the share of the evidence that speaks for them."""
    found = []
    failed = case.logins[case.logins["type"] != SUCCEEDED]
    known = float((failed["known_user"] & failed["known_address"]).mean()) if len(failed) else 0.0
    if known >= 0.25:
        because = f"{known:.0%} of the failures are known users at known addresses"
        found.append(Confounder(name="known people fail", weight=0.4 * known, because=because))
    agents = hostile["user_agent"].dropna()
    theirs = set(case.logins.loc[case.logins["legitimate"], "user_agent"].dropna())
    if known >= 0.25 and len(agents) and set(agents) <= theirs and agents.nunique() == 1:
        because = "all of it comes from one client that legitimate users have, too"
        found.append(Confounder(name="one client", weight=0.1, because=because))
    if known >= 0.25 and case.state("release_split", "login.release") is State.BAD:
        because = "one release of the application fails far more than the others"
        found.append(Confounder(name="one release", weight=0.15, because=because))
    if case.state("oidc_discovery") is State.BAD:
        because = "an identity provider's discovery document is not as it should be"
        found.append(Confounder(name="identity provider", weight=0.2, because=because))
    if len(failed) and hostile.empty and case.readable:
        because = "no address of the evidence is unknown: all of them logged in before"
        found.append(Confounder(name="no stranger", weight=0.3, because=because))
    return tuple(found)


def _spared(case: Case) -> set[str]:
    """Addresses that are never targets: known ones, and those where legitimate users are.

    An attacking address may have a few successes of its own guessing; more than a few users live there.
    """
    rows = case.logins.dropna(subset=["ip"])
    people = rows[rows["legitimate"]].groupby("ip")["user_id"].nunique()
    lived_in = people[~people.index.isin(case.suspects) | (people > FEW_USERS)].index
    return {*rows.loc[rows["known_address"], "ip"].astype(str), *lived_in.astype(str)}


def _missing(case: Case) -> tuple[str, ...]:
    found = []
    new = {a for f in case.findings for a in f.addresses} - case.suspects
    if new:
        found.append(f"{len(new)} users got in from a new address after a few failures: mistyped, or broken in")
    if case.usual.failures_per_hour is None:
        found.append("under seven days of history: no baseline of failed logins")
    if len(case.logins) and case.logins["user_agent"].isna().all():
        found.append("no event names its user agent: clients cannot be told apart")
    return tuple(found)


def _address_limit(case: Case) -> int:
    """Attempts per minute and address: twice what any legitimate address needs, within 10 to 60."""
    rows = case.logins[case.logins["legitimate"]].dropna(subset=["ip"])
    if rows.empty:
        return 10
    busiest = int(rows.groupby(["ip", rows["occurred_at"].dt.floor("min")]).size().max())
    return min(max(10, 2 * busiest), 60)


RUNBOOK = Runbook(
    kind=IncidentKind.FAILED_LOGINS_SPIKE,
    version="2",
    title="Failed logins spike",
    owner="identity on-call",
    summary=__doc__ or "",
    ladder=("evidence.snapshot", "rate_limit.strict", "captcha.require", "ip.throttle", "ip.block"),
    asks=("release_split", "oidc_discovery"),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="people behind an attacking network are slowed down or refused",
            likelihood="low, by the replay of the last hour",
            impact="they cannot log in for a while",
            mitigation="known addresses are never targets; legitimate success is watched; the lease ends by itself",
        ),
        RiskNote(
            risk="the attacker moves to other addresses",
            likelihood="medium",
            impact="the attack goes on",
            mitigation="limits per address hold for every address; new findings join the incident",
        ),
    ),
    messages=Messages(
        admin=tell_admins,
        user="Extra checks at sign-in; your password still works.",
        audience="security from severity 2 on, and support",
    ),
    examples=(
        Example(
            "stuffing: 20 addresses try 200 users, beside an office",
            lambda: example(
                Crowd(addresses=20, users=200, tries=3, hostile=True),
                Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000),
            ),
            acts=True,
        ),
        Example(
            "a stale service password, 50 times",
            lambda: example(
                Crowd(addresses=1, users=1, tries=50, network="198.51.100", fails=True),
                Crowd(addresses=30, users=60, tries=1, network="192.0.2", first_user=1000),
                margin=0.9,
            ),
            acts=False,
        ),
    ),
)
