"""Work pools: the same deployments, run by Prefect's workers (processes, Docker, Kubernetes) instead of our runner.

A worker starts an interpreter for each run, some seconds more than the runner's warm start (docs/adr/0004); it pays
where runs shall be spread over machines, or be containers of their own.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from prefect.client.collections import get_collections_metadata_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkPool
from prefect.context import AsyncClientContext
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, PREFECT_CLIENT_RETRY_EXTRA_CODES, temporary_settings

from blocks import replica
from blocks.overlay import register
from spine.errors import Refused, Transient

KINDS = {"process": "prefect", "docker": "prefect-docker", "kubernetes": "prefect-kubernetes"}
"""Types of work pools that are known to work, each with the package its worker comes from."""
SECRETS = {
    "DATABASE_URL": "{{ prefect.blocks.opsspine-database.opsspine.url }}",
    "OPSSPINE_SECRET_KEY": "{{ prefect.blocks.opsspine-step-up.opsspine.secret_key }}",
    "OPSSPINE_PREFECT__BLOCKS": "true",
}
"""What a container of Docker is given: the worker reads it out of Prefect's encrypted blocks as it starts a run."""
KUBERNETES_NAME = "opsspine"
"""The Secret, and the ConfigMap, whose entries are the environment of a run's pod. The chart makes both."""
_TRIES_AGAIN = 6
"""With pauses of 2, 4, 8 ... 64 s: two minutes for each call."""
_AGAIN = {500, 504}
"""Answers that Prefect's client shall try again, beside 408, 429, 502 and 503, which it does by itself: what a server
says whose database is busy. To register is to bring up to date, so that twice is as good as once."""
_PATIENT = {
    PREFECT_CLIENT_MAX_RETRIES: _TRIES_AGAIN,
    PREFECT_CLIENT_RETRY_EXTRA_CODES: ",".join(map(str, sorted(_AGAIN))),
}
_PASSING = {408, 429, 502, 503} | _AGAIN


async def deploy(made: Sequence[RunnerDeployment], pool: str, kind: str | None, image: str | None) -> WorkPool:
    """Register `made` with `pool`, which is made when there is none and `kind` says of what type.

    Raises:
        Refused: there is no such pool and no type was given, or pool and image do not go together.
        Transient: the server did not take all of them, however often it was asked.
    """
    async with patient() as client:
        found = await _pool(client, pool, kind)
        require_fit(found, kind, image)
        await register()
        for one in made:  # in turn: a server on SQLite has one writer, and what comes at once is refused
            await one.aapply(work_pool_name=pool, image=image)
    return found


@asynccontextmanager
async def patient() -> AsyncIterator[PrefectClient]:
    """A client that tries calls again which fail for a moment, with longer and longer pauses; all within use this one.

    Raises:
        Transient: a call failed to the last.
    """
    with temporary_settings(set_defaults=_PATIENT):
        try:
            # a client that has been answered once tries again, too, where nobody listens: hence one for all
            async with replica.client(), AsyncClientContext.get_or_create() as shared:
                yield shared.client
        except (httpx.HTTPError, DeploymentApplyError) as error:
            raise _told(error) from error


def _told(error: Exception) -> Exception:
    """What a call failed with, as Transient where it may pass."""
    cause = error.__cause__ if isinstance(error, DeploymentApplyError) and error.__cause__ else error
    answer = cause.response.status_code if isinstance(cause, httpx.HTTPStatusError) else None
    if answer not in _PASSING and not isinstance(cause, httpx.TransportError):
        return error
    times = PREFECT_CLIENT_MAX_RETRIES.value() + 1
    how = f"answers {answer}, though it was asked {times} times, with pauses" if answer else "does not answer"
    return Transient(
        f"The Prefect server {how}. Perhaps not all deployments are registered; those that are work. See whether its "
        "database is busy (SQLite bears little load, PostgreSQL much), then give the same command again: it brings "
        "everything up to date."
    )


def require_fit(pool: WorkPool, kind: str | None, image: str | None) -> None:
    """Raises Refused where the pool is of another type than asked, or image and type do not go together."""
    if kind is not None and pool.type != kind:
        raise Refused(
            "pool.type",
            f"The work pool {pool.name!r} is of type {pool.type}, not {kind}. Nothing was registered. Choose another "
            "name, or leave --type out.",
        )
    if pool.type == "process" and image is not None:
        raise Refused(
            "pool.image",
            f"The work pool {pool.name!r} runs processes, which use what is installed where their worker runs, and no "
            "image. Nothing was registered. Leave --image out.",
        )
    if pool.type != "process" and image is None:
        raise Refused(
            "pool.image",
            f"The work pool {pool.name!r} runs containers ({pool.type}), and nobody said of which image. Nothing was "
            "registered. Add --image <registry>/opsspine:<version>, built by deployments/docker/Dockerfile.",
        )


async def _pool(client: PrefectClient, name: str, kind: str | None) -> WorkPool:
    try:
        return await client.read_work_pool(name)
    except ObjectNotFound:
        if kind is None:
            raise Refused(
                "pool.missing",
                f"There is no work pool {name!r}. Nothing was registered. Add --type process, docker or kubernetes to "
                "make it, or see `prefect work-pool ls` for those there are.",
            ) from None
    if kind not in KINDS:
        raise Refused("pool.type", f"{kind!r} is no type of work pool that is known here: {', '.join(KINDS)}.")
    template = await _template(kind)
    return await client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))


async def _template(kind: str) -> dict[str, Any]:
    """Prefect's own job template of this type, with our environment added."""
    async with get_collections_metadata_client() as client:
        known: Mapping[str, Any] = await client.read_worker_metadata()
    return adapted(kind, known[KINDS[kind]][kind]["default_base_job_configuration"])


def adapted(kind: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """`template` such that runs know where database and key are, and no secret stands in it."""
    made = dict(template)
    if kind == "docker":
        properties = dict(made["variables"]["properties"])
        properties["env"] = {**properties["env"], "default": SECRETS}
        made["variables"] = {**made["variables"], "properties": properties}
    if kind == "kubernetes":
        made["job_configuration"] = _with_environment(made["job_configuration"])
    return made


def _with_environment(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's pod with our Secret and ConfigMap as its environment, and nothing it does not need."""
    manifest = configuration["job_manifest"]
    pod = manifest["spec"]["template"]["spec"]
    container = {
        **pod["containers"][0],
        "envFrom": [{"configMapRef": {"name": KUBERNETES_NAME}}, {"secretRef": {"name": KUBERNETES_NAME}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108  # nosec B108 - within a container
    }
    secured = {
        **pod,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "containers": [container],
    }
    spec = {**manifest["spec"], "template": {**manifest["spec"]["template"], "spec": secured}}
    return {**configuration, "job_manifest": {**manifest, "spec": spec}}
