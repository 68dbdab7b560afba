"""A flag is a switch in somebody's hand at night: it must be known whose it is, what it does, and that it works.

Each has an owner, a purpose, a safe default, and an end unless it is permanent. A change is previewed, let through its
gate, stored by compare-and-set, read back as applications read it, and taken back when they do not: to the exact
definition from before, not to "false". Looked for are conflicts, drift, stale and expired flags, unmet dependencies,
and kill switches that nobody and no drill has thrown.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from runbooks.operation import Desk, Operation, Outcome
from spine.drill_score import Assertion
from spine.errors import Refused
from spine.flag.care import Declaration
from spine.flag.definition import boolean_flag
from spine.plan import Gate
from store import flag_care, flags
from store.flag_cache import FlagCache
from store.flag_propose import Proposer, Wanted
from tasks.flag_caring import check_flags, found
from tasks.flag_managing import NAME, Managing, expected, manage

_KEY, _BASE = "checkout.drill", "checkout.drillBase"


async def run(desk: Desk) -> Outcome:
    """Look after the tenant's flags."""
    told = check_flags(_managing(desk), who=desk.who)
    return Outcome(
        passed=not told, outcome=f"{len(told)} findings" if told else "nothing to look after",
        rows=(("flag", "finding", "what it means"), *((one.key, one.kind, one.says) for one in told)),
    )  # fmt: skip


async def drill(desk: Desk) -> Sequence[Assertion]:
    """A change that stands, one that applications do not read, one too late, refusals, and everything it looks for."""
    _defined(desk)
    return [*await _changes(desk), *await _refusals(desk), *_findings(desk)]


async def _changes(desk: Desk) -> list[Assertion]:
    before = _flag(desk, _KEY)
    done = await manage(_managing(desk), _wanted(True, before.version), _by(desk), Gate.ALLOW)
    changed = _flag(desk, _KEY)
    unread = await manage(_managing(desk, read=_blind), _wanted(False, changed.version), _by(desk), Gate.ALLOW)
    after = _flag(desk, _KEY)
    brief = timedelta(minutes=5)
    await manage(_managing(desk), _wanted(False, after.version, ttl=brief), _by(desk), Gate.ALLOW)
    later = desk.clock.now() + brief + timedelta(seconds=1)
    back = _flag(desk, _KEY).base_at(later) == after.definition
    return [
        _is("a change that applications read stands", done.stands, done.because),
        _is("one that they do not read is taken back", not unread.stands, unread.because),
        _is("rollback", after.digest == changed.digest, "the exact definition from before is the base again"),
        _is("its time over, what was before is back", back, "without any writer"),
    ]


async def _refusals(desk: Desk) -> list[Assertion]:
    version = _flag(desk, _KEY).version
    stale = await _refusal(desk, _wanted(True, version - 1))
    checks = await _refusal(desk, replace(_wanted(True, 0), key="auth.jwt.signatureVerification"))
    unknown = await _refusal(desk, replace(_wanted(True, 0), key="checkout.nobodys"))
    with desk.database.system() as connection:
        _put(connection, desk, _BASE, on=False, version=_flag(desk, _BASE).version)
    resting = await _refusal(desk, _wanted(True, _flag(desk, _KEY).version))
    return [
        _same("somebody was faster", "flag.conflict", stale),
        _same("a flag that disables verification", "flag.disables_verification", checks),
        _same("a flag that nobody declared", "flag.undeclared", unknown),
        _same("what it depends on is off", "flag.dependency", resting),
    ]


def _findings(desk: Desk) -> list[Assertion]:
    """A year later nobody has looked after anything."""
    year = _Later(desk.clock.now() + timedelta(days=365))
    told = found(Managing(database=desk.database, settings=desk.settings, clock=year, tenant=desk.tenant))
    kinds = {one.kind for one in told}
    wanted = {"dependency", "expired", "stale", "untested"}
    return [Assertion("findings", wanted <= kinds, ", ".join(sorted(wanted)), ", ".join(sorted(kinds)))]


class _Later:
    """A clock that stands still, in the future."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


def _defined(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.database.system() as connection:
        _put(connection, desk, _BASE, on=True, version=0)
        _put(connection, desk, _KEY, on=False, version=0)
        for key, rests in ((_BASE, ()), (_KEY, (_BASE,))):
            made = Declaration(
                key=key, safe="off", kill_switch=True, expires_at=now + timedelta(days=60), depends_on=rests
            )  # fmt: skip
            flag_care.declare(
                connection, desk.tenant, made, owner="drill@invalid", purpose="a drill", temporary=True,
                actor=desk.who, now=now,
            )  # fmt: skip


def _put(connection: Any, desk: Desk, key: str, *, on: bool, version: int) -> None:
    flags.put(
        connection, desk.tenant, key, boolean_flag(on=on).stored(), expected_version=version, actor=desk.who,
        reason="a drill", at=desk.clock.now(),
    )  # fmt: skip


def _wanted(on: bool, version: int, ttl: timedelta | None = None) -> Wanted:
    return Wanted(
        key=_KEY, definition=boolean_flag(on=on).stored(), expected_version=version, reason="a drill", ttl=ttl
    )  # fmt: skip


def _flag(desk: Desk, key: str) -> Any:
    with desk.database.system() as connection:
        flag = flags.get(connection, desk.tenant, key)
    assert flag is not None
    return flag


async def _refusal(desk: Desk, wanted: Wanted) -> str:
    try:
        await manage(_managing(desk), wanted, _by(desk), Gate.ALLOW)
    except Refused as refused:
        return refused.code
    return "done"


async def _cached(desk: Managing, key: str) -> str | None:
    """As the gateway reads flags, through its cache; a drill has no gateway of its own."""
    seen = FlagCache(desk.database, desk.clock).get(desk.tenant).evaluate(key, {"targetingKey": "opsspine-read-back"})
    wanted = expected(desk, key)
    return None if (getattr(seen, "value", None), getattr(seen, "variant", None)) == wanted else "another value is read"


async def _blind(_desk: Managing, _key: str) -> str | None:
    """Applications that never see the change."""
    return "the gateway was not reached"


def _managing(desk: Desk, read: Any = _cached) -> Managing:
    return Managing(
        database=desk.database, settings=desk.settings, clock=desk.clock, tenant=desk.tenant, read=read
    )  # fmt: skip


def _by(desk: Desk) -> Proposer:
    return Proposer(actor=desk.who)


def _is(name: str, passed: bool, observed: str) -> Assertion:
    return Assertion(name, passed, "it does", observed)


def _same(name: str, expected: str, observed: str) -> Assertion:
    return Assertion(name, expected == observed, expected, observed)


OPERATION = Operation(
    name=NAME, version="1", title="Flag management", owner="platform", summary=__doc__ or "",
    steps=(
        ("declare", "Owner, purpose, safe default, temporary with an end or permanent, what it rests on."),
        ("preview", "Which share of the users of the last 30 days would read another value."),
        ("gate", "The policy matrix: a second factor or another person for auth.*, tenant.* and admin.*."),
        ("store", "Compare-and-set on the version; with its history, audit entry and the tenant's epoch at once."),
        ("read back", "Over OFREP as applications do, within OPSSPINE_OPERATION__READ_BACK_SECONDS."),
        ("verify", "What is read is what was meant, leases on top included; else the exact version before returns."),
        ("end", "After its time what was in force before is back, without any writer."),
        ("check", "Conflict, drift, stale, expired, unsafe, undeclared, dependency, untested."),
    ),
    commands=(
        ("opsspine flags declare KEY --owner … --purpose … --safe off --as EMAIL", "what a flag is"),
        ("opsspine flags declared", "what is declared of each"),
        ("opsspine flags preview KEY VALUE", "whom a change would reach; changes nothing"),
        ("opsspine flags change KEY VALUE --expect-version N …", "the whole way; exit code 1 = taken back"),
        ("opsspine flags check", "what nobody looks after; exit code 1 = something"),
        ("opsspine flags revert KEY VERSION …", "an exact version, as a new one"),
    ),
    refuses=(
        "flags whose off switches a verification off (signature, audience, issuer, nonce, PKCE, CSRF, row security)",
        "to change what nobody declared, or what rests on a flag that is at its safe default",
        "to write over a version that somebody else has made meanwhile",
    ),
    run=run, drill=drill,
)  # fmt: skip
