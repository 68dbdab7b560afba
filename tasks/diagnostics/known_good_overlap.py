"""known_good_overlap: do the suspects overlap with people we know? Then it may be no attack, and acting would hurt."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from spine.decision.blast import ATTEMPTS, SUCCEEDED
from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, State, Value
from spine.incident import IncidentKind
from spine.reach import Reach
from store.diagnosis import reach
from store.events import recent_logins
from store.known import known_before
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.events import gap, read, receipt, suspects

_HISTORY = timedelta(days=7)
"""Under this nobody can be known. Source: RUNBOOKS 0."""
_LEAST = 20
"""Failures a share is made of. Judgement."""
_MANY = 0.25
"""Share of failures by known people at their own addresses that points to a client or provider. Judgement, and
the line that runbooks/failed_logins_spike.py draws."""


@dataclass(frozen=True)
class _Seen:
    logins: pd.DataFrame
    users: set[str]
    addresses: set[str]
    span: tuple[datetime, datetime] | None


async def run(question: Question, ports: Ports) -> Answer:
    """Users and addresses of the window that were good before the attack, among suspects and among failures."""
    moment = question.attack_start or question.since

    def look(connection: Connection) -> _Seen:
        logins = recent_logins(connection, question.tenant_id, question.since, question.now)
        addresses = {str(ip) for ip in logins["ip"].dropna()} | suspects(question)
        users = {str(user) for user in logins["user_id"].dropna()}
        known = known_before(connection, Reach(question.tenant_id), moment, users=users, addresses=addresses)
        return _Seen(logins, known.users, known.addresses, reach(connection, question.tenant_id))

    seen = await read(ports, question, look)
    asked = f"known users and addresses before {moment:%Y-%m-%dT%H:%MZ}"
    receipts = (receipt(ports, asked, (sorted(seen.users), sorted(seen.addresses), len(seen.logins))),)
    if seen.span is None or seen.span[0] > moment - _HISTORY:
        because = "under seven days of history before the attack: nobody can be known"
        return Answer(SPEC.key, tuple(Check(n, State.UNKNOWN, because) for n in ("suspects", "failures")), receipts)
    return Answer(SPEC.key, (_suspects(question, seen), _failures(seen, gap(seen.span, question))), receipts)


def _suspects(question: Question, seen: _Seen) -> Check:
    named = suspects(question)
    lived_in = named & seen.addresses
    told: dict[str, Value] = {"suspects": len(named), "known_good": len(lived_in)}
    if not named:
        return Check("suspects", State.UNKNOWN, "the evidence names no address; there is nothing to compare", told)
    if lived_in:
        because = f"people live at {len(lived_in)} of {len(named)} suspected addresses; spare these"
        return Check("suspects", State.BAD, because, told)
    return Check("suspects", State.OK, "nobody lived at a suspected address before the attack", told)


def _failures(seen: _Seen, missing: str) -> Check:
    tries = seen.logins[seen.logins["type"].isin(ATTEMPTS) & (seen.logins["type"] != SUCCEEDED)]
    at_home = tries["user_id"].isin(seen.users) & tries["ip"].isin(seen.addresses)
    share = float(at_home.mean()) if len(tries) else 0.0
    told: dict[str, Value] = {"failures": len(tries), "known_people": int(at_home.sum()), "share": round(share, 3)}
    if len(tries) < _LEAST:
        return Check("failures", State.UNKNOWN, f"{len(tries)} failures are too few to tell whose they are", told)
    if share >= _MANY:
        because = f"{share:.0%} of the failures are known people at home; look at the client and the provider first"
        return Check("failures", State.BAD, because, told)
    if missing:
        return Check("failures", State.UNKNOWN, missing, told)
    return Check("failures", State.OK, f"{share:.0%} of the failures are known people at home", told)


SPEC = DiagnosticSpec(
    key="known_good_overlap",
    title="Overlap of suspects with people we know",
    serves=(IncidentKind.FAILED_LOGINS_SPIKE,),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
