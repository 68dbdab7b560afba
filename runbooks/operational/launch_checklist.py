"""Before users come: does everything that keeps them safe really work, here and today?

Every item is executed, not ticked off: forged tokens are shown to the application, a synthetic user signs in, a mail is
sent and looked for, tenant A reaches for tenant B. The answer is PASS, FAIL or UNKNOWN with a receipt. What nobody
could look at is UNKNOWN, and an UNKNOWN blocker is a NO-GO.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from runbooks.operation import Desk, Operation, Outcome
from spine.diagnostic import Answer, Check, State
from spine.drill_score import Assertion
from spine.errors import Refused
from spine.flag.definition import boolean_flag
from spine.ids import mint
from spine.launch import STEPS, Item, Result, Waiver, check_waiver, judge
from spine.person import Role
from spine.plan import Gate
from store import flags, operations
from store.flag_propose import Proposer
from store.operations import OperationRun
from tasks.launch import launch_checks
from tasks.launching import OPERATION as NAME
from tasks.launching import check_launch
from tasks.ramping import go_back, step_up

_KEY = "launch.drill"


async def run(desk: Desk) -> Outcome:
    """Go through the whole list."""
    done = await check_launch(desk.database, desk.settings, desk.tenant, desk.clock, who=desk.who)
    rows = [(one.item.key, one.mark.value, one.because, str(len(one.receipts))) for one in done.results]
    return Outcome(
        passed=done.judgement.go, outcome=done.judgement.outcome,
        rows=(("item", "mark", "what was found", "receipts"), *rows),
    )  # fmt: skip


async def drill(desk: Desk) -> Sequence[Assertion]:
    """The list on an installation where nothing is set up, the rules of waivers, and a ramp there and back."""
    return [*await _nothing_set_up(desk), *_verdicts(desk), *_waivers(desk), *_ramp(desk)]


async def _nothing_set_up(desk: Desk) -> list[Assertion]:
    done = await check_launch(desk.database, desk.settings, desk.tenant, desk.clock, who=desk.who)
    with desk.database.system() as connection:
        kept = operations.latest(connection, desk.tenant, NAME)
        flags.put(
            connection, desk.tenant, _KEY, boolean_flag().stored(), expected_version=0, actor=desk.who,
            reason="a drill", at=desk.clock.now(),
        )  # fmt: skip
        refused = _refusal(lambda: _up(desk, connection, desk.clock.now()))
    return [
        _same("an empty installation", "NO-GO", done.judgement.outcome),
        _same("the run is kept", str(done.id), str(kept.id) if kept else "nothing"),
        _same("no ramp without a GO", "ramp.no_go", refused),
    ]  # fmt: skip


def _verdicts(desk: Desk) -> list[Assertion]:
    """One item changed at a time: everything but a PASS of a blocker holds the launch back."""
    now, found = desk.clock.now(), []
    for state, expected in ((State.OK, "GO"), (State.BAD, "NO-GO"), (State.UNKNOWN, "NO-GO")):
        seen = {judge(_results(key, state), (), now).outcome for key in launch_checks()}
        found.append(_same(f"any one item {state.value}", expected, ", ".join(sorted(seen))))
    return found


def _waivers(desk: Desk) -> list[Assertion]:
    now, found = desk.clock.now(), []
    for key, check in launch_checks().items():
        waiver = Waiver(
            id=mint(), tenant_id=desk.tenant, item=key, approver="person:drill@invalid", reason="a drill of waivers",
            granted_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        outcome = judge(_results(key, State.BAD), (waiver,), now).outcome
        late = judge(_results(key, State.BAD), (waiver,), now + timedelta(days=2)).outcome
        refused = _refusal(partial(_granted, check.item, now))
        expected = ("GO", "granted") if check.item.waivable else ("NO-GO", "launch.never_waived")
        found.append(_same(f"waiver of {key}", str((*expected, "NO-GO")), str((outcome, refused, late))))
    return found


def _granted(item: Item, now: datetime) -> None:
    day = timedelta(days=1)
    check_waiver(
        item, item.key, reason="a drill of waivers", roles=[Role.SECURITY_ADMIN], now=now, until=now + day, most=7 * day
    )


def _ramp(desk: Desk) -> list[Assertion]:
    now, minutes = desk.clock.now(), timedelta(minutes=desk.settings.launch.ramp_minutes)
    with desk.database.system() as connection:
        operations.keep(connection, _go(desk, now), told={})
        before = flags.get(connection, desk.tenant, _KEY)
        reached = [_up(desk, connection, now)]
        early = _refusal(lambda: _up(desk, connection, now))
        reached += [_up(desk, connection, now + number * minutes) for number in range(1, len(STEPS))]
        over = now + len(STEPS) * minutes
        go_back(connection, desk.tenant, _KEY, actor=desk.who, reason="a drill", now=over)
        after = flags.get(connection, desk.tenant, _KEY)
    same = before is not None and after is not None and before.digest == after.digest
    return [
        _same("steps of a ramp", str(list(STEPS)), str(reached)),
        _same("a step too early", "ramp.early" if minutes else "ramp.done", early),
        Assertion("rollback", same, "the exact definition from before", "it is" if same else "another one"),
    ]


def _up(desk: Desk, connection: Connection, now: datetime) -> int | None:
    by = Proposer(actor=desk.who)
    return step_up(connection, desk.tenant, _KEY, by, Gate.ALLOW, now=now, settings=desk.settings).percent


def _go(desk: Desk, now: datetime) -> OperationRun:
    return OperationRun(
        id=mint(), tenant_id=desk.tenant, operation=NAME, who=desk.who, started_at=now, finished_at=now,
        outcome="GO", passed=True, detail={"results": [], "holding": [], "waived": []},
    )  # fmt: skip


def _results(changed: str, state: State) -> list[Result]:
    """The list as if all was well but for one item."""
    return [
        Result(
            item=check.item, took=timedelta(0),
            answer=Answer(key, (Check(key, state if key == changed else State.OK, "a drill"),)),
        )
        for key, check in launch_checks().items()
    ]  # fmt: skip


def _refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Refused as refused:
        return refused.code
    return "granted"


def _same(name: str, expected: str, observed: str) -> Assertion:
    return Assertion(name, expected == observed, expected, observed)


OPERATION = Operation(
    name=NAME, version="1", title="Launch checklist", owner="platform", summary=__doc__ or "",
    steps=(
        ("look", "Execute every item at once, each within OPSSPINE_LAUNCH__CHECK_SECONDS."),
        ("judge", "NO-GO when a blocker is FAIL or UNKNOWN and no waiver spares it."),
        ("keep", "Store marks, reasons and receipts; an audit entry bears the marks and the receipts' hashes."),
        ("ramp", "On a GO of the last 24 h: 1, 10, 50, 100 % of the users, at least 10 min each."),
    ),
    commands=(
        ("opsspine launch check", "the whole list; exit code 1 = NO-GO"),
        ("opsspine launch items", "what is looked at, and what may be waived"),
        ("opsspine launch status", "the last run, and the waivers that count"),
        ("opsspine launch waive ITEM --as EMAIL --reason …", "a waiver: approver with a second factor, reason, end"),
        ("opsspine launch unwaive ITEM --as EMAIL", "takes it back"),
        ("opsspine launch ramp FLAG --as EMAIL", "the next step; --back restores the exact version from before"),
    ),
    refuses=(
        "to waive isolation_matrix, token_negatives and key_rotation",
        "to call a list a GO of which only a part was looked at",
        "to ramp up without a fresh GO, while an incident of high severity is open, or before the last step was seen",
    ),
    run=run, drill=drill,
)  # fmt: skip
