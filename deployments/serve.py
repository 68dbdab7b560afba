"""Registers every deployment with Prefect and runs what is due. `python -m deployments.serve`."""

import asyncio
import os
import sys
from datetime import timedelta
from typing import Any, NoReturn

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from blocks.overlay import answering, register, settings_from_blocks
from deployments.docs import operation as operation_docs
from deployments.docs.manual import page as manual_page
from deployments.instance import READY_FILE
from deployments.replica import leave_silent
from deployments.warm.install import WarmStart
from flows import drill, operate, respond
from flows.check_health import check_health
from flows.context import database, database_url
from flows.detect import detect
from flows.ml_rank import rank
from flows.ml_retrain import retrain
from flows.obey import obey
from flows.reconcile import reconcile
from flows.report import report, summarize
from flows.retain import retain
from runbooks import catalogue
from runbooks.engine.name import flow_name
from runbooks.operational import operations
from spine.ids import NO_TENANT, derive
from spine.settings import Settings
from store.liveness import Sign, alive, first_alive
from tasks.stranded import TAG, clear_stranded, keep_clear

_ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW, grace_period_seconds=60
)
_AT_ONCE = 4
"""Deployments registered at the same time: forty at once keep a server busy until its database gives up on it."""
_SIGN_SECONDS = 5.0


class SteadfastRunner(Runner):
    """A runner that ends without a word when it is asked to.

    Prefect's own cancels its runs then, and a cancelled run means that a person said stop. The ledger needs no goodbye:
    what was under way goes on in another run, when this runner starts again or another one finds it.
    """

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        """End at once, and the runs with it: their processes do not outlive this one."""
        os._exit(0)  # not by SIGKILL, which the first process of a container cannot send to itself


async def deployments(settings: Settings) -> list[RunnerDeployment]:
    """What is deployed: the schedules, and the flows that are started by name."""
    interval = timedelta(seconds=settings.detect.interval_seconds)
    looks = timedelta(seconds=settings.health.interval_seconds)
    module = EntrypointType.MODULE_PATH
    scheduled = [
        await verb.ato_deployment(
            "schedule", interval=every, concurrency_limit=_ONE_AT_A_TIME, entrypoint_type=module, tags=[TAG, "schedule"]
        )
        for verb, every in (
            (detect, interval),
            (reconcile, interval),
            (check_health, looks),
            (retain, timedelta(hours=1)),
            (retrain, timedelta(hours=settings.ml.retrain_hours)),
        )
    ]
    manual = [  # one at a time, too: an overflow asks for a detection every few seconds while an attack lasts
        await verb.ato_deployment("now", concurrency_limit=_ONE_AT_A_TIME, entrypoint_type=module, tags=[TAG, "manual"])
        for verb in (detect, reconcile, check_health)
    ]
    manual += [
        await verb.ato_deployment("now", entrypoint_type=module, tags=[TAG, "manual"])
        for verb in (obey, rank, retrain, report)
    ]
    scheduled.append(
        await summarize.ato_deployment(
            "schedule", cron=settings.report.week_cron, entrypoint_type=module, tags=[TAG, "schedule"]
        )
    )
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
    routines = [
        await operate.FLOWS[name].ato_deployment(
            operate.RUN, entrypoint_type=module, tags=[TAG, "runbook"], description=operation_docs.page(one)
        )
        for name, one in operations().items()
    ]
    routines += [
        await verb.ato_deployment(operate.DRILL, entrypoint_type=module, tags=[TAG, "drill"])
        for verb in operate.DRILLS.values()
    ]
    return [*scheduled, *manual, *runbooks, *drills, *routines]


async def _add(runner: Runner, made: list[RunnerDeployment]) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(deployment: RunnerDeployment) -> None:
        async with turns:
            await runner.aadd_deployment(deployment)

    await asyncio.gather(*map(one, made))


async def _show(sign: Sign) -> NoReturn:
    """Let everybody see that this runner lives, also after a restart of the database."""
    while True:
        await asyncio.to_thread(sign.renew)
        await asyncio.sleep(_SIGN_SECONDS)


async def main(warm: WarmStart) -> None:
    """Wait for the server, register, tell the supervisor, and run until ended."""
    settings = await settings_from_blocks()
    server = os.environ.get("PREFECT_API_URL", settings.prefect.url)
    await answering(server)
    runner = SteadfastRunner(
        name="opsspine",
        query_seconds=settings.prefect.query_seconds,
        prefetch_seconds=0,  # a run fetched early holds its only slot, and those due before it are cancelled
        limit=settings.prefect.run_limit,
        pause_on_shutdown=False,
    )
    made = await deployments(settings)
    with alive(database_url(), derive("registering", NO_TENANT)):  # one runner at a time: two would be refused
        await register()
        await _add(runner, made)
    await warm.ready()
    sys.executable = str(warm.program)  # the runner calls it for each run: docs/adr/0004
    with first_alive(database_url(), derive("runner", NO_TENANT)) as alone:
        await clear_stranded(database(), nobody_starts_runs=alone)
        (settings.data_dir / READY_FILE).touch()
        sign = Sign(database_url(), derive("runner", NO_TENANT))
        keeping = [asyncio.create_task(work) for work in (warm.keep(), keep_clear(database()), _show(sign))]
        if settings.prefect.more_api_urls:
            leaving = leave_silent(server, settings.prefect.urls, settings.cluster.silence_seconds)
            keeping.append(asyncio.create_task(leaving))
        await runner.start()
        for task in keeping:
            task.cancel()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(WarmStart(Settings().data_dir))))
