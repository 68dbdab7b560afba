"""Operate: each operational runbook as a flow that runs it, and one that plays its drill."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from prefect import Flow, flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.context import database, living, settings
from runbooks.operation import Desk, Operation, rehearse
from runbooks.operational import operations
from spine.clock import SystemClock
from spine.ids import tenant_id

RUN, DRILL = "run", "drill"
"""Names of the deployments: "launch_checklist/run", "launch_checklist_drill/drill"."""
_Body = Flow[..., Coroutine[Any, Any, State[None]]]


def _name() -> str:
    return f"{flow_run.flow_name} {flow_run.parameters.get('tenant', '_')} {datetime.now(UTC):%H:%M:%S}"


def _desk(tenant: str, who: str) -> Desk:
    return Desk(database=database(), settings=settings(), clock=SystemClock(), tenant=tenant_id(tenant), who=who)


def _run(operation: Operation) -> _Body:
    async def body(tenant: str = "_", who: str = "prefect") -> State[None]:
        with living():
            done = await operation.run(_desk(tenant, who))
            head, *rows = done.rows
            await acreate_table_artifact(
                [dict(zip(head, row, strict=True)) for row in rows], key=operation.name.replace("_", "-"),
                description=f"{operation.title}: {done.outcome}",
            )  # fmt: skip
        return (Completed if done.passed else Failed)(message=done.outcome)

    return _flow(body, operation.name, f"{operation.title}.\n\n{operation.summary.strip()}")


def _drill(operation: Operation) -> _Body:
    async def body(tenant: str = "_", who: str = "prefect") -> State[None]:
        with living():
            done = await rehearse(operation, _desk(tenant, who))
            await acreate_table_artifact(
                list(done.detail["assertions"]), key=f"{operation.name.replace('_', '-')}-drill",
                description=f"Drill of {operation.title}: {done.outcome}, score {done.detail['score']:.0%}",
            )  # fmt: skip
        return (Completed if done.passed else Failed)(message=f"{done.outcome}, score {done.detail['score']:.0%}")

    return _flow(body, f"{operation.name}_{DRILL}", f"A rehearsal of {operation.name} that reaches nothing outside.")


def _flow(body: Callable[..., Any], name: str, says: str) -> _Body:
    body.__name__ = body.__qualname__ = name
    body.__module__ = __name__
    body.__doc__ = f"{says}\n\nArgs:\n    tenant: for whom.\n    who: on whose behalf, for the audit trail."
    return flow(name=name, description=says, flow_run_name=_name)(body)


FLOWS: dict[str, _Body] = {name: _run(one) for name, one in operations().items()}
DRILLS: dict[str, _Body] = {f"{name}_{DRILL}": _drill(one) for name, one in operations().items()}
globals().update(FLOWS | DRILLS)
"""The orchestrator loads `flows.operate.<name>` by name."""
