"""The runner: the process that executes runs. Its sign of life is a lock that ends with it (store/liveness.py)."""

import httpx

from spine.health import Reading, Status, well
from spine.ids import NO_TENANT, derive
from spine.severity import Severity
from store.liveness import is_alive
from tasks.checks import Check, Ports

_MEANS = "Nobody executes runs: nothing is detected, and no approval is carried out."
_DO = "Look at logs/runner.log in the data folder; the supervisor starts the runner again by itself."


def ask(ports: Ports) -> Reading:
    """Whether any runner lives, on whatever machine."""
    if ports.settings.prefect.work_pool is not None:
        return _workers(ports.settings.prefect.work_pool)
    with ports.database.system() as connection:
        lives = is_alive(connection, derive("runner", NO_TENANT))
    if lives:
        return well("alive")
    return Reading(status=Status.FAIL, said="no runner is alive", means=_MEANS, do=_DO)


def _workers(pool: str) -> Reading:
    """Whether Prefect has heard of a worker of `pool` lately."""
    from prefect.client.orchestration import get_client  # the relay looks, too, and needs Prefect for nothing else
    from prefect.client.schemas.objects import WorkPoolStatus
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    do = f"Start one: prefect worker start --pool {pool}. Its own log tells why it ended."
    try:
        with get_client(sync_client=True) as client:
            found = client.read_work_pool(pool)
    except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound) as error:
        said = f"the work pool {pool} cannot be looked at ({type(error).__name__})"
        return Reading(status=Status.WARN, said=said, means="It is not known whether runs start.", do=do)
    if found.status is WorkPoolStatus.READY:
        return well(f"workers of the pool {pool} are alive")
    told = found.status.value.lower().replace("_", " ") if found.status else "of unknown state"
    return Reading(status=Status.FAIL, said=f"the work pool {pool} is {told}", means=_MEANS, do=do)


CHECK = Check(key="runner", ask=ask, severity=Severity.CRITICAL, means=_MEANS, do=_DO)
