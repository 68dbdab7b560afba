"""Tenant leak risk: somebody of one tenant reached, or tries to reach, what belongs to another.

Looks like  an access whose resource belongs to another tenant, a cache or canary of somebody else's in an answer, a
            query without its tenant condition, an isolation probe that gets through.
Costs       one object is a breach that may have to be reported within 72 hours.
Not this    support or a managed service with a grant, a migration, public objects, a stale link that was denied.

Responds evidence.snapshot and tenant.deny_cross at once when it is confirmed, then cache.disable_shared, then
tenant.isolate. Containment is never taken back by itself: a fixed build, the probe's whole matrix and two people.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from spine.case import Case, Confounder, Diagnosis, Proposal
from spine.case_rows import Rows, case_of
from spine.criteria import recovery
from spine.diagnostic import State
from spine.event_type import EventType
from spine.incident import Incident, IncidentKind
from spine.outlook import following
from spine.plan import Decision, Hypothesis, RiskNote, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings

CONFIRMED_BY = "confirmed_cross_tenant_access"
"""The detector that fires on one access that went through without a grant."""
MOST_TENANTS, MOST_NAMESPACES = 10, 10
"""Source: RUNBOOKS 1, bounds of tenant.deny_cross and cache.disable_shared."""
CALM = timedelta(minutes=60)
"""No mismatch for so long. Source: RUNBOOKS 2.5."""
SNAPSHOT_HOURS = 24
"""A leak is older than its discovery: as far back as a snapshot reaches. Source: RUNBOOKS 1."""
_CROSSED = EventType.TENANT_SCOPE_VIOLATION.value


def diagnose(case: Case) -> Diagnosis:
    """Whose data, which objects, by whom, since when, through what; and is it a fact or an attempt."""
    crossed = _crossings(case)
    through = _let_through(crossed)
    confirmed = len(through) > 0 or any(f.detector == CONFIRMED_BY for f in case.firing)
    isolated = case.state("tenant_isolation")
    confirmation, because = _confirmation(confirmed, isolated)
    numbers = _numbers(case, crossed, through)
    what = "confirmed leak" if confirmed else "suspected leak" if isolated is State.BAD else "denied probing"
    return Diagnosis(
        attack_class=what,
        summary=(
            f"{what}: {numbers['let_through']:.0f} of {numbers['crossings']:.0f} accesses into "
            f"{numbers['tenants']:.0f} other tenants went through, {numbers['objects']:.0f} objects, "
            f"{numbers['users']:.0f} users"
        ),
        confirmation=confirmation,
        confirmed_by=because,
        addresses=tuple(sorted(str(ip) for ip in crossed["ip"].dropna().unique())),
        confounders=_confounders(case),
        missing=_missing(crossed),
        unsuppressible=confirmed,
        cause_confirmed=confirmed,
        numbers=numbers,
    )


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """A hole in isolation, a shared cache, somebody trying doors, or a grant nobody told us of."""
    crossed = _crossings(case)
    cache = _owners(crossed)
    n = found.numbers
    through = f"{n['let_through']:.0f} accesses went through"
    granted = tuple(c.because for c in found.confounders)
    return (
        Hypothesis(
            cause="a query or check without its tenant condition",
            for_=(through,) if n["let_through"] else (),
            against=() if n["let_through"] else ("every access was denied: the check holds",),
        ),
        Hypothesis(
            cause="a shared cache serves one tenant's entry to another",
            for_=(f"{len(cache)} answers bore another tenant's entry or canary",) if cache else (),
            against=() if cache else ("no answer named another owner of its cache entry",),
        ),
        Hypothesis(
            cause="somebody tries other tenants' doors",
            for_=(f"{n['users']:.0f} users, {n['objects']:.0f} objects of {n['tenants']:.0f} tenants",),
            against=granted,
        ),
    )


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """Freeze, cut off the ways across, go past the cache; the whole tenant only when it is a fact."""
    crossed = _crossings(case)
    rungs = [Proposal(action_key="evidence.snapshot", params={"hours": SNAPSHOT_HOURS}, verify="its hash is kept")]
    foreign = _foreign(crossed)
    if foreign:
        rungs.append(
            Proposal(
                action_key="tenant.deny_cross", targets=foreign[:MOST_TENANTS],
                verify="accesses into these tenants are refused, their own users go on",
            )
        )  # fmt: skip
    namespaces = _owners(crossed)
    if namespaces:
        rungs.append(
            Proposal(
                action_key="cache.disable_shared", targets=namespaces[:MOST_NAMESPACES],
                verify="no answer bears another tenant's entry",
            )
        )  # fmt: skip
    if found.cause_confirmed:
        rungs.append(
            Proposal(
                action_key="tenant.isolate", params={"mode": "read_only"}, verify="the tenant's writes are refused"
            )
        )
    return [rung for rung in rungs if rung.action_key not in case.tried]


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """Not one mismatch for an hour, and nobody legitimate hurt; a shorter hold only where the operator set one."""
    usual = recovery(case, settings)
    hold = CALM if settings.hold_minutes >= VerifySettings().hold_minutes else usual.hold
    before = usual.baseline_success_rate or case.usual.success_rate
    return usual.model_copy(
        update={
            "max_failures_per_window": 0.0, "hold": hold, "baseline_success_rate": before,
            "max_captcha_abandoned": None,
        }
    )  # fmt: skip


def tell_admins(incident: Incident, decision: Decision) -> str:
    """For the closed room: effect, the decision that is needed, and what is never done by itself."""
    return (
        f"Tenant leak risk at {incident.tenant_id}, {incident.severity.label}. "
        f"In force or proposed: {', '.join(s.action_key for s in decision.steps) or 'none'}. "
        f"Needed: {following(decision)}. Containment is undone by people alone: a fixed build, the "
        f"probe's whole matrix, two of them. Legal hears within 30 minutes; note when you became aware."
    )


def _crossings(case: Case) -> pd.DataFrame:
    """Accesses into another tenant without a grant, with what they say as columns."""
    rows = case.logins[case.logins["type"] == _CROSSED]
    said = [one if isinstance(one, Mapping) else {} for one in rows["attributes"]]
    for name in ("allowed", "granted", "resource", "cache_owner_tenant_id", "canary_tenant_id"):
        rows = rows.assign(**{name: pd.Series([one.get(name) for one in said], index=rows.index, dtype=object)})
    return rows[rows["granted"].map(lambda value: value is not True).astype(bool)]


def _let_through(crossed: pd.DataFrame) -> pd.DataFrame:
    """Those that went through for sure: an event that does not say so is no proof."""
    return crossed[crossed["allowed"].map(lambda value: value is True).astype(bool)]


def _foreign(crossed: pd.DataFrame) -> tuple[str, ...]:
    """The tenants whose data was reached for, those that were reached first, then by the number of accesses."""
    named = crossed.dropna(subset=["resource_tenant_id"])
    counts = named.groupby("resource_tenant_id").agg(
        through=("allowed", lambda values: sum(v is True for v in values)), n=("id", "size")
    )
    counts["name"] = counts.index.astype(str)
    return tuple(counts.sort_values(["through", "n", "name"], ascending=[False, False, True])["name"])


def _owners(crossed: pd.DataFrame) -> tuple[str, ...]:
    """Tenants whose cache entries or canaries came back in an answer to somebody else."""
    named = [*crossed["cache_owner_tenant_id"], *crossed["canary_tenant_id"]]
    return tuple(sorted({str(owner) for owner in named if isinstance(owner, str) and owner.strip()}))


def _confirmation(confirmed: bool, isolated: State) -> tuple[float, str]:
    if confirmed:
        return 1.0, "an access into another tenant went through without a grant"
    if isolated is State.BAD:
        return 1.0, "the isolation probe got through"
    if isolated is State.OK:
        return 0.25, "the isolation probe was kept out everywhere"
    return 0.5, "what is seen are denied accesses; the isolation probe could not tell"


def _numbers(case: Case, crossed: pd.DataFrame, through: pd.DataFrame) -> dict[str, float]:
    probes = case.logins[case.logins["type"] == EventType.TENANT_PROBE_FAILED.value]
    return {
        "crossings": float(len(crossed)),
        "let_through": float(len(through)),
        "tenants": float(crossed["resource_tenant_id"].nunique()),
        "objects": float(crossed["resource"].nunique()),
        "users": float(crossed["user_id"].nunique()),
        "failed_probes": float(len(probes)),
    }


def _confounders(case: Case) -> tuple[Confounder, ...]:
    """A grant is the usual harmless cause, whether the access says so or others by the same people do."""
    rows = case.logins[case.logins["type"].isin([_CROSSED, EventType.TENANT_SCOPE_OK.value])]
    granted = [_says(one, "granted") is True or bool(_says(one, "grant_id")) for one in rows["attributes"]]
    helpers = set(rows.loc[granted, "user_id"].dropna())
    mine = _crossings(case)
    share = float(mine["user_id"].isin(helpers).mean()) if len(mine) and helpers else 0.0
    if share < 0.25:
        return ()
    because = f"{share:.0%} of the accesses are by users who act under a grant elsewhere"
    return (Confounder(name="granted helpers", weight=0.3 * share, because=because),)


def _missing(crossed: pd.DataFrame) -> tuple[str, ...]:
    found = []
    if silent := int(crossed["allowed"].map(lambda value: not isinstance(value, bool)).sum()):
        found.append(f"{silent} accesses do not say whether they went through (`allowed`)")
    if nameless := int(crossed["resource_tenant_id"].isna().sum()):
        found.append(f"{nameless} accesses do not name the tenant whose data it was (`resource_tenant_id`)")
    if len(crossed) and crossed["resource"].isna().all():
        found.append("no access names its object (`resource`): what leaked cannot be listed")
    return tuple(found)


def _says(said: Any, name: str) -> Any:
    return said.get(name) if isinstance(said, Mapping) else None


def _confirmed_example() -> Case:
    return case_of(
        IncidentKind.TENANT_LEAK_RISK,
        Rows(
            type=EventType.TENANT_SCOPE_VIOLATION, resource_tenant_id="globex",
            attributes={"allowed": True, "resource": "invoice/7", "canary_tenant_id": "globex"},
        ),
        Rows(type=EventType.TENANT_SCOPE_OK, n=60, users=20, since=55, first_user=10),
        detectors=(CONFIRMED_BY,), n=1, margin=1,
    )  # fmt: skip


def _granted_example() -> Case:
    return case_of(
        IncidentKind.TENANT_LEAK_RISK,
        Rows(
            type=EventType.TENANT_SCOPE_VIOLATION, n=4, resource_tenant_id="globex",
            attributes={"allowed": False, "granted": True, "grant_id": "T-12"},
        ),
        Rows(type=EventType.TENANT_SCOPE_OK, n=60, users=20, since=55, first_user=10),
        n=4, margin=0.5,
    )  # fmt: skip


RUNBOOK = Runbook(
    kind=IncidentKind.TENANT_LEAK_RISK,
    version="1",
    title="Tenant leak risk",
    owner="security on-call",
    summary=__doc__ or "",
    ladder=("evidence.snapshot", "tenant.deny_cross", "cache.disable_shared", "tenant.isolate"),
    asks=("tenant_isolation",),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="support and managed services lose access that was granted",
            likelihood="certain while accesses across tenants are denied",
            impact="they cannot help customers in these tenants for a while",
            mitigation="only the named tenants are cut off; everybody's access to their own data goes on",
        ),
        RiskNote(
            risk="data left through a way that events do not show",
            likelihood="unknown until the probe's whole matrix has passed",
            impact="the breach is larger than counted",
            mitigation="the snapshot keeps a day of events; the matrix is run three times in half an hour",
        ),
    ),
    messages=Messages(
        admin=tell_admins, user="", audience="incident commander, legal and data protection officer; no broadcast"
    ),
    examples=(
        Example("another tenant's canary in an answer", _confirmed_example, acts=True),
        Example("support with a grant", _granted_example, acts=False),
    ),
)
