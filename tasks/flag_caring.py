"""Looking after flags: what they show themselves, and what nobody has declared, removed, or thrown."""

from dataclasses import dataclass
from datetime import timedelta

from spine.flag.care import lacks
from spine.ids import mint
from store import drills, flag_care, flag_findings, flags, operations
from tasks.flag_managing import NAME, Managing


@dataclass(frozen=True, slots=True, kw_only=True)
class Cared:
    """One thing to look at."""

    key: str
    kind: str
    says: str


def found(desk: Managing) -> list[Cared]:
    """Everything to look at, by key: broken, conflict, drift, expired, stale, unowned, untested …"""
    now, settings = desk.clock.now(), desk.settings
    with desk.database.system() as connection:
        stale = timedelta(days=settings.flag.stale_days)
        shown = flag_findings.found(connection, desk.tenant, now=now, stale=stale)
        declared = flag_care.declarations(connection, desk.tenant)
        missing = lacks(
            flags.all_flags(connection, desk.tenant), declared, flag_care.thrown(connection, desk.tenant, declared),
            now=now, since=drills.installed_at(connection),
            untested=timedelta(days=settings.operation.untested_days),
        )  # fmt: skip
    told = [Cared(key=one.key, kind=one.kind, says=one.says) for one in shown]
    told += [Cared(key=one.key, kind=one.kind, says=one.says) for one in missing]
    return sorted(told, key=lambda one: (one.key, one.kind, one.says))


def check_flags(desk: Managing, *, who: str) -> list[Cared]:
    """Look, and keep what was found."""
    began, told = desk.clock.now(), found(desk)
    counts = {kind: sum(one.kind == kind for one in told) for kind in sorted({one.kind for one in told})}
    run = operations.OperationRun(
        id=mint(), tenant_id=desk.tenant, operation=NAME, who=who, started_at=began, finished_at=desk.clock.now(),
        outcome=f"{len(told)} findings" if told else "nothing to look after", passed=not told,
        detail={"findings": [{"key": one.key, "kind": one.kind, "says": one.says} for one in told]},
    )  # fmt: skip
    with desk.database.system() as connection:
        operations.keep(connection, run, told={"findings": counts})
    return told
