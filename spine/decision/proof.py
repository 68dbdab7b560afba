"""Receipts: what a decision rests on, each with the hash of what was seen."""

import math

from spine.case import Case
from spine.decision.plan_hash import digest
from spine.diagnostic import Answer, State
from spine.finding import Finding
from spine.ids import derive
from spine.plan import EvidenceRef

MOST = 40
"""Findings with a receipt of their own, the clearest first; the others share one, whose hash covers them all."""


def evidence(case: Case) -> tuple[EvidenceRef, ...]:
    """One receipt per finding and per diagnostic that was asked, and one for the replayed attempts."""
    clearest = sorted(case.findings, key=lambda f: -f.margin)
    own, rest = {f.id for f in clearest[:MOST]}, clearest[MOST:]
    found = [_of_finding(f) for f in case.findings if f.id in own]
    if rest:
        found.append(_of_many(case, [_of_finding(f) for f in rest]))
    found += [_of_answer(case, answer) for answer in case.answers.values()]
    return (*found, _of_logins(case)) if case.readable else tuple(found)


def receipts(refs: tuple[EvidenceRef, ...]) -> tuple[str, ...]:
    """One line each, for people."""
    return tuple(f"{r.source}: {r.n} events until {r.window_end:%H:%M:%S}Z, sha256 {r.sha256[:12]}" for r in refs)


def _of_finding(finding: Finding) -> EvidenceRef:
    observed, threshold = _finite(finding.observed), _finite(finding.threshold)
    content = {
        "detector": finding.detector,
        "subject": finding.subject,
        "tenant": finding.tenant_id,
        "window": [finding.window_start, finding.window_end],
        "n": int(finding.n),
        "observed": observed,
        "threshold": threshold,
        "addresses": sorted(finding.addresses),
        "users": sorted(finding.users),
    }
    return EvidenceRef(
        id=finding.id,
        source=f"finding/{finding.detector}",
        query=f"detector {finding.detector} on {finding.subject}",
        window_start=finding.window_start,
        window_end=finding.window_end,
        n=int(finding.n),
        observed=observed,
        threshold=threshold,
        sha256=digest(content),
    )


def _of_answer(case: Case, answer: Answer) -> EvidenceRef:
    """1 = bad, 0 = good; what could not be seen is left out, and the plan lists it as missing."""
    checks = {c.name: float(c.state is State.BAD) for c in answer.checks if c.state is not State.UNKNOWN}
    return EvidenceRef(
        id=derive("evidence", case.incident.tenant_id, case.incident.id, answer.key, case.now),
        source=f"diagnostic/{answer.key}",
        query="; ".join(receipt.asked for receipt in answer.receipts) or answer.key,
        window_start=case.window_start,
        window_end=case.now,
        n=len(answer.checks),
        observed=checks,
        threshold={},
        sha256=digest(
            [
                [[c.name, c.state.value, c.because] for c in answer.checks],
                [[r.asked, r.sha256, r.size] for r in answer.receipts],
            ]
        ),
    )


def _of_many(case: Case, refs: list[EvidenceRef]) -> EvidenceRef:
    return EvidenceRef(
        id=derive("evidence", case.incident.tenant_id, case.incident.id, "findings", case.now),
        source="findings/others",
        query=f"{len(refs)} more findings of the incident",
        window_start=min(r.window_start for r in refs),
        window_end=max(r.window_end for r in refs),
        n=sum(r.n for r in refs),
        observed={"findings": float(len(refs))},
        threshold={},
        sha256=digest(sorted(r.sha256 for r in refs)),
    )


def _of_logins(case: Case) -> EvidenceRef:
    frame, noun = case.logins, case.family.noun
    columns = ["id", "type", "user_id", "ip"]
    rows = frame[columns].astype(object).where(frame[columns].notna(), None).to_numpy().tolist()
    times = [t.isoformat() for t in frame["occurred_at"]]
    counts = {name: float(frame[name].sum()) for name in ("attack", "legitimate")}
    return EvidenceRef(
        id=derive("evidence", case.incident.tenant_id, case.incident.id, "logins", case.now),
        source=f"events/{noun.replace(' ', '_')}",
        query=f"{noun} of the tenant in the last hour",
        window_start=case.window_start,
        window_end=case.now,
        n=len(frame),
        observed=counts,
        threshold={},
        sha256=digest(
            [[str(v) if v is not None else None for v in row] + [t] for row, t in zip(rows, times, strict=True)]
        ),
    )


def _finite(numbers: dict[str, float]) -> dict[str, float]:
    """JSON knows no infinity: a measure without a finite value is left out."""
    return {name: float(value) for name, value in sorted(numbers.items()) if math.isfinite(value)}
