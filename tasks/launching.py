"""Launching: go through the checklist, judge it, and write down what came of it."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from spine.clock import Clock
from spine.diagnostic import Answer, Check, State
from spine.errors import Refused, Transient
from spine.ids import TenantId, mint
from spine.launch import Judgement, Result, judge
from spine.redact import redact_text
from spine.settings import Settings
from store import launches, operations
from store.engine import Database
from tasks.launch import LaunchCheck, Ports, launch_checks

OPERATION = "launch_checklist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One run of the checklist."""

    id: UUID
    at: datetime
    results: tuple[Result, ...]
    judgement: Judgement

    @property
    def sentence(self) -> str:
        """The run in words."""
        passed = sum(one.mark == "PASS" for one in self.results)
        why = f": {'; '.join(self.judgement.holding)}" if self.judgement.holding else ""
        waived = f"; waived: {', '.join(self.judgement.waived)}" if self.judgement.waived else ""
        return f"{self.judgement.outcome}, {passed} of {len(self.results)} passed{waived}{why}"


def chosen(only: Iterable[str]) -> tuple[LaunchCheck, ...]:
    """The items of these keys; none = all.

    Raises:
        Refused: there is no such item.
    """
    known, wanted = launch_checks(), list(only)
    if unknown := sorted(set(wanted) - known.keys()):
        raise Refused(
            "launch.item", f"The checklist has no item {', '.join(unknown)}. It has: {', '.join(known)}."
        )  # fmt: skip
    return tuple(known[key] for key in wanted) if wanted else tuple(known.values())


async def check_launch(
    database: Database, settings: Settings, tenant: TenantId, clock: Clock, *, who: str, only: Iterable[str] = ()
) -> Checked:
    """Look at every item at once, judge them with the waivers that count, and keep the result.

    Of `only` some items the results are told, but not kept: a part of the list is no GO.
    """
    started, some = clock.now(), list(only)
    ports = Ports.of(settings, clock, database, tenant)
    results = tuple(await asyncio.gather(*(_look(one, ports) for one in chosen(some))))
    now = clock.now()
    with database.system() as connection:
        judgement = judge(results, launches.waivers(connection, tenant, now=now), now)
        if some:
            left = f"only {len(results)} of {len(launch_checks())} items were looked at"
            judgement = Judgement(holding=(*judgement.holding, left), waived=judgement.waived)
        done = Checked(id=mint(), at=now, results=results, judgement=judgement)
        if not some:
            operations.keep(connection, _run(done, tenant, who, started), told=_told(done))
    return done


async def _look(check: LaunchCheck, ports: Ports) -> Result:
    """One item; whatever goes wrong in it is what it found."""
    began, seconds = time.monotonic(), ports.settings.launch.check_seconds
    key = check.item.key
    try:
        async with asyncio.timeout(seconds):
            answer = await check.run(ports)
    except TimeoutError:
        because = f"it took longer than {seconds:g} s; check again, or raise OPSSPINE_LAUNCH__CHECK_SECONDS"
        answer = Answer(key, (Check(key, State.UNKNOWN, because),))
    except (Refused, Transient) as error:
        answer = Answer(key, (Check(key, State.UNKNOWN, str(error)),))
    except Exception as error:  # an item that breaks is not known, and must not hide the others
        because = f"the check itself failed ({type(error).__name__}: {redact_text(str(error))[:200]}); report it"
        answer = Answer(key, (Check(key, State.UNKNOWN, because),))
    return Result(item=check.item, answer=answer, took=timedelta(seconds=time.monotonic() - began))


def _run(done: Checked, tenant: TenantId, who: str, started: datetime) -> operations.OperationRun:
    return operations.OperationRun(
        id=done.id, tenant_id=tenant, operation=OPERATION, who=who, started_at=started, finished_at=done.at,
        outcome=done.judgement.outcome, passed=done.judgement.go,
        detail={
            "results": [one.stored() for one in done.results], "holding": list(done.judgement.holding),
            "waived": list(done.judgement.waived),
        },
    )  # fmt: skip


def _told(done: Checked) -> dict[str, object]:
    """For the audit trail: marks, and the hash of everything a mark rests on. As lists, for no name of an item may be
    taken for that of a secret."""
    return {
        "marks": [f"{one.mark.value} {one.item.key}" for one in done.results],
        "holding": list(done.judgement.holding), "waived": list(done.judgement.waived),
        "receipts": [
            {"item": one.item.key, "sha256": [receipt.sha256 for receipt in one.receipts][:20]} for one in done.results
        ],
    }  # fmt: skip
