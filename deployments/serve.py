"""Registers every deployment with Prefect and runs what is due. `python -m deployments.serve`."""

import asyncio
import sys
from datetime import timedelta

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from blocks.overlay import answering, register, settings_from_blocks
from deployments.docs.manual import page as manual_page
from deployments.instance import READY_FILE
from deployments.warm.install import WarmStart
from flows import drill, respond
from flows.context import database, database_url
from flows.detect import detect
from flows.reconcile import reconcile
from flows.retain import retain
from runbooks import catalogue
from runbooks.engine.name import flow_name
from spine.ids import NO_TENANT, derive
from spine.settings import Settings
from store.liveness import first_alive
from tasks.stranded import TAG, clear_stranded

_ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW, grace_period_seconds=60
)


async def deployments(settings: Settings) -> list[RunnerDeployment]:
    """What is deployed: the schedules, and the flows that are started by name."""
    interval = timedelta(seconds=settings.detect.interval_seconds)
    module = EntrypointType.MODULE_PATH
    scheduled = [
        await verb.ato_deployment(
            "schedule", interval=every, concurrency_limit=_ONE_AT_A_TIME, entrypoint_type=module, tags=[TAG, "schedule"]
        )
        for verb, every in ((detect, interval), (reconcile, interval), (retain, timedelta(hours=1)))
    ]
    manual = [  # one at a time, too: an overflow asks for a detection every few seconds while an attack lasts
        await verb.ato_deployment("now", concurrency_limit=_ONE_AT_A_TIME, entrypoint_type=module, tags=[TAG, "manual"])
        for verb in (detect, reconcile)
    ]
    runbooks = [
        await respond.FLOWS[flow_name(book.kind)].ato_deployment(
            respond.DEPLOYMENT, entrypoint_type=module, tags=[TAG, "runbook"], description=manual_page(book)
        )
        for book in catalogue().values()
    ]
    drills = [
        await verb.ato_deployment(drill.DRILL, entrypoint_type=module, tags=[TAG, "drill"])
        for verb in drill.FLOWS.values()
    ]
    return [*scheduled, *manual, *runbooks, *drills]


async def main(warm: WarmStart) -> None:
    """Wait for the server, register, tell the supervisor, and run until ended."""
    settings = await settings_from_blocks()
    await answering(settings.prefect.url)
    runner = Runner(
        name="opsspine",
        query_seconds=settings.prefect.query_seconds,
        prefetch_seconds=0,  # a run fetched early holds its only slot, and those due before it are cancelled
        limit=settings.prefect.run_limit,
        pause_on_shutdown=False,
    )
    made = await deployments(settings)
    await asyncio.gather(register(), *(runner.aadd_deployment(deployment) for deployment in made))
    await warm.ready()
    sys.executable = str(warm.program)  # the runner calls it for each run: docs/adr/0004
    with first_alive(database_url(), derive("runner", NO_TENANT)) as alone:
        await clear_stranded(database(), nobody_starts_runs=alone)
        (settings.data_dir / READY_FILE).touch()
        keeping = asyncio.create_task(warm.keep())
        await runner.start()
        keeping.cancel()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(WarmStart(Settings().data_dir))))
