"""clock_skew: do our clock, the database's and the identity providers' agree?"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sqlalchemy import text

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, State
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.events import read
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Response
from tasks.diagnostics.probe.oidc import discovery, providers


async def run(question: Question, ports: Ports) -> Answer:
    """Ask PostgreSQL for its time, and each provider's web server for its `Date`."""
    checks, receipts = [await _database(question, ports)], []
    try:
        asked = providers(question, ports.settings.probe)
    except Refused as error:
        return Answer(SPEC.key, (*checks, failed("providers", error)))
    for name, provider in asked.items():
        before = ports.clock.now()
        try:
            _, response = await discovery(ports.guard, name, provider)
        except (Refused, Transient) as error:
            checks.append(failed(f"clock.{name}", error))
            continue
        checks.append(_provider(name, response, before, ports))
        receipts.append(response.receipt)
    return Answer(SPEC.key, tuple(checks), tuple(receipts))


async def _database(question: Question, ports: Ports) -> Check:
    before = ports.clock.now()
    try:
        theirs = await read(ports, question, lambda c: c.execute(text("select clock_timestamp()")).scalar_one())
    except Transient as error:
        return failed("clock.database", error)
    return _judged("clock.database", theirs, before, ports, uncertain=0)


def _provider(name: str, response: Response, before: datetime, ports: Ports) -> Check:
    """`Date` is the origin's time when it answered; a cache that kept the answer says for how long in `Age`."""
    age = response.headers.get("age", "0").strip()
    try:
        said = parsedate_to_datetime(response.headers.get("date", ""))
        utc = said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
        theirs = utc + timedelta(seconds=int(age[:9]))
    except (ValueError, OverflowError):
        because = "its answer says no time (Date); compare its clock by other means"
        return Check(f"clock.{name}", State.UNKNOWN, because)
    return _judged(f"clock.{name}", theirs, before, ports, uncertain=1)


def _judged(name: str, theirs: datetime, before: datetime, ports: Ports, *, uncertain: float) -> Check:
    """The least skew that fits: the answer was written some time between asking and now, cut to whole seconds."""
    ahead = (theirs - ports.clock.now()).total_seconds()
    behind = (before - theirs).total_seconds() - uncertain
    skew = round(max(ahead, behind, 0.0), 3)
    seen = {"skew_seconds": skew}
    if skew > ports.settings.probe.max_skew_seconds:
        because = f"its clock is at least {skew:g} s off ours; see which of them NTP has lost, before tokens are blamed"
        return Check(name, State.BAD, because, seen)
    return Check(name, State.OK, f"its clock agrees with ours within {skew:g} s", seen)


SPEC = DiagnosticSpec(
    key="clock_skew",
    title="Clocks of database and identity providers",
    serves=(
        IncidentKind.PASSWORD_RESET_FAILURES,
        IncidentKind.OAUTH_CALLBACK_ERRORS,
        IncidentKind.JWT_VALIDATION_ERRORS,
    ),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
