"""Drill: one flow per runbook that has drills, deployed beside the one that responds."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import Flow, flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.context import database, living, run_id, settings
from runbooks import catalogue
from runbooks.drills import drill_named, drills
from runbooks.engine.drill_report import report
from runbooks.engine.name import DRILL, flow_name
from runbooks.engine.rehearse import rehearse
from spine.drill import Drill, Stage
from spine.ids import tenant_id
from spine.incident import IncidentKind
from store.drills import DrillRun
from tasks.drilling import Play

_SUMMARY = """A rehearsal: evidence marked as synthetic, the runbook's own response, actions on shadows that reach
nobody, and a score. People are asked to approve as they would be, under the word DRILL, unless it is unattended."""
_MARGIN = timedelta(minutes=1)


def _run_name() -> str:
    told = flow_run.parameters
    return f"drill {flow_run.flow_name} {told.get('name') or 'first'} seed {told.get('seed', 1)}"


def _build(kind: IncidentKind) -> Flow[..., Coroutine[Any, Any, State[None]]]:
    """The flow that plays one of the drills of `kind`."""

    async def body(
        name: str = "", seed: int = 1, tenant: str = "_", unattended: bool = False, who: str = "prefect"
    ) -> State[None]:
        play = _play(kind, drill_named(kind, name), seed=seed, tenant=tenant, unattended=unattended, who=who)
        with living():
            done = await rehearse(play)
            title = f"{kind.value.lower()} {play.drill.name}: {done.score:.0%}"
            await acreate_markdown_artifact(report(play, done), key=f"drill-{play.run.id[:8]}", description=title)
        state = Completed if done.passed else Failed
        return state(message=f"{'passed' if done.passed else 'failed'}, score {done.score:.0%}")

    body.__name__ = body.__qualname__ = flow_name(kind)
    return flow(name=flow_name(kind), description=_SUMMARY, flow_run_name=_run_name)(_documented(body, kind))


def _play(kind: IncidentKind, drill: Drill, *, seed: int, tenant: str, unattended: bool, who: str) -> Play:
    now, current = datetime.now(UTC).replace(microsecond=0), settings()
    patience = timedelta(seconds=current.drill.timeout_seconds) + _MARGIN
    if not unattended:
        patience += timedelta(minutes=current.decision.plan_minutes)
    run = DrillRun(
        id=str(run_id()), tenant_id=tenant_id(tenant), kind=kind, name=drill.name, negative=drill.negative, seed=seed,
        unattended=unattended, who=who, started_at=now, gives_up_at=now + patience,
    )  # fmt: skip
    stage = Stage(tenant=run.tenant_id, seed=seed, end=now)
    return Play(
        run=run, drill=drill, runbook=catalogue()[kind], stage=stage, settings=current, database=database()
    )  # fmt: skip


def _documented(body: Callable[..., Any], kind: IncidentKind) -> Callable[..., Any]:
    names = ", ".join(drill.name for drill in drills()[kind])
    body.__doc__ = (
        f"Play a drill of {kind.value}.\n\nArgs:\n    name: which one ({names}); empty is the first.\n"
        "    seed: the same seed plays the same evidence.\n    tenant: in whose name it is played.\n"
        "    unattended: stand-ins decide, and no person is asked.\n    who: on whose behalf, for the audit trail."
    )
    body.__module__ = __name__
    return body


__all__ = ["DRILL", "FLOWS"]

FLOWS = {flow_name(kind): _build(kind) for kind in drills() if kind in catalogue()}
globals().update(FLOWS)
"""The orchestrator loads `flows.drill.<kind>` by name."""
