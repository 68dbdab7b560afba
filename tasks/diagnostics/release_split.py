"""release_split: does one release of the application fail where the others do not?"""

from sqlalchemy import Connection

from spine.detect.tail import wilson_lower
from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, State, Value
from spine.event import EventType
from spine.incident import IncidentKind
from store.diagnosis import Share, by_release, reach
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.events import gap, read, receipt

_PAIRS = {
    "login": (EventType.LOGIN_FAILED, EventType.LOGIN_SUCCEEDED),
    "oauth": (EventType.OAUTH_CALLBACK_ERROR, EventType.OAUTH_CALLBACK_OK),
}
"""Failures and successes whose events name a release (spine/vocabulary.py)."""
LEAST = 20
"""Attempts of a release, and of all others, that a comparison needs. Source: RUNBOOKS 2.3."""
_TIMES, _POINTS = 2.0, 0.1
"""The lower bound of a release's failure ratio that stands out: twice the others', and ten points more. Judgement."""
_NAMED = 0.5
"""Share of attempts that must name their release. Judgement."""


async def run(question: Question, ports: Ports) -> Answer:
    """Compare the failure ratio of each release with that of all others, for logins and OAuth callbacks."""

    def look(connection: Connection) -> tuple[dict[str, list[Share]], str]:
        found = {
            name: by_release(
                connection, question.tenant_id, question.since, question.now, failed=failed, succeeded=succeeded
            )
            for name, (failed, succeeded) in _PAIRS.items()
        }
        return found, gap(reach(connection, question.tenant_id), question)

    found, missing = await read(ports, question, look)
    checks = tuple(_compare(f"{name}.release", shares, missing) for name, shares in found.items())
    asked = f"failures and successes by release since {question.since:%Y-%m-%dT%H:%MZ}"
    return Answer(SPEC.key, checks, (receipt(ports, asked, found),))


def _compare(name: str, shares: list[Share], missing: str) -> Check:
    named = [share for share in shares if share.release is not None]
    n, everything = sum(share.n for share in named), sum(share.n for share in shares)
    seen: dict[str, Value] = {"attempts": everything, "named": n, "releases": len(named)}
    if n < max(LEAST, _NAMED * everything):
        because = f"only {n} of {everything} events name their release; send `release` with them"
        return Check(name, State.UNKNOWN, because, seen)
    compared = [share for share in named if share.n >= LEAST and n - share.n >= LEAST]
    failed = sum(share.failed for share in named)
    broken = [share for share in compared if _stands_out(share, failed - share.failed, n - share.n)]
    if broken:
        names = tuple(str(share.release)[:60] for share in broken)
        because = (
            f"release {', '.join(names[:3])} fails far more than the others; roll it back before anybody is blocked"
        )
        return Check(name, State.BAD, because, {**seen, "broken": names, "failed": sum(b.failed for b in broken)})
    if not compared:
        because = f"no release has {LEAST} attempts beside {LEAST} of others; there is nothing to compare with"
        return Check(name, State.UNKNOWN, because, seen)
    if missing:
        return Check(name, State.UNKNOWN, missing, seen)
    return Check(name, State.OK, f"none of {len(compared)} releases stands out", seen)


def _stands_out(share: Share, failed: int, n: int) -> bool:
    rest = failed / n
    return bool(wilson_lower(share.failed, share.n) >= max(_TIMES * rest, rest + _POINTS))


SPEC = DiagnosticSpec(
    key="release_split",
    title="Failures by release of the application",
    serves=(IncidentKind.FAILED_LOGINS_SPIKE, IncidentKind.OAUTH_CALLBACK_ERRORS),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
