"""Work pools: what is registered with one, and that a real worker of Prefect's runs it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.objects import WorkPool
from prefect.server.api import collections_data
from prefect.settings import PREFECT_API_URL, temporary_settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from blocks import replica
from deployments import pool, prefect_file
from deployments.port import free_port
from deployments.serve import deployments
from spine.errors import Refused, Transient
from spine.settings import Settings
from store.engine import Database
from store.heartbeats import beats

ROOT = Path(__file__).parents[2]


def _template(kind: str) -> dict[str, Any]:
    """Prefect's own job template of a type of pool."""
    folder = Path(next(iter(collections_data.__path__))) / "views" / "aggregate-worker-metadata.json"
    known = json.loads(folder.read_text())
    return dict(known[pool.KINDS[kind]][kind]["default_base_job_configuration"])


def test_the_file_is_current_and_prefect_reads_it() -> None:
    text = prefect_file.FILE.read_text(encoding="utf-8")
    made = asyncio.run(deployments(Settings.model_construct()))
    assert text == prefect_file.rendered(made), "python -m deployments.prefect_file"
    read = PrefectYamlModel.model_validate(yaml.safe_load(text))
    assert len(read.deployments) == len(made) > 20
    assert {one.work_pool.name for one in read.deployments if one.work_pool} == {"{{ $OPSSPINE_PREFECT__WORK_POOL }}"}


def test_pods_of_runs_get_secrets_from_kubernetes_and_nothing_else() -> None:
    made = pool.adapted("kubernetes", _template("kubernetes"))
    pod = made["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": "opsspine"}}, {"secretRef": {"name": "opsspine"}}]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["image"] == "{{ image }}", "the rest is Prefect's own"


def test_containers_of_runs_get_secrets_from_blocks() -> None:
    made = pool.adapted("docker", _template("docker"))
    environment = made["variables"]["properties"]["env"]["default"]
    assert environment["DATABASE_URL"] == "{{ prefect.blocks.opsspine-database.opsspine.url }}"
    assert "postgresql://" not in json.dumps(made)
    assert pool.adapted("process", _template("process")) == _template("process")


@pytest.mark.parametrize(
    ("kind", "asked", "image", "code"),
    [
        ("process", "docker", None, "pool.type"),
        ("process", None, "opsspine:1", "pool.image"),
        ("kubernetes", None, None, "pool.image"),
    ],
)
def test_what_does_not_go_together_is_refused(kind: str, asked: str | None, image: str | None, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        pool.require_fit(WorkPool(name="runs", type=kind), asked, image)
    assert refusal.value.code == code
    assert "Nothing was registered" in str(refusal.value)


@pytest.fixture
def busy(serve: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """A Prefect server whose database is busy: it answers these codes, in turn, and then that there is no such pool."""

    def start(*codes: int) -> list[int]:
        asked: list[int] = []

        async def pools(_: Request) -> JSONResponse:
            asked.append(codes[len(asked)] if len(asked) < len(codes) else 404)
            return JSONResponse({"detail": "as told"}, asked[-1], headers={"Retry-After": "0"})

        async def version(_: Request) -> JSONResponse:
            return JSONResponse(prefect_file.prefect_version)

        routes = [Route("/api/admin/version", version), Route("/api/work_pools/{name}", pools)]
        url = f"{serve(Starlette(routes=routes))}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        monkeypatch.setattr(replica, "_urls", lambda: (url,))
        return asked

    return start


def _deployed() -> None:
    with temporary_settings({PREFECT_API_URL: os.environ["PREFECT_API_URL"]}):
        asyncio.run(pool.deploy([], "runs", None, None))


def test_what_fails_for_a_moment_is_tried_again(busy: Callable[..., list[int]]) -> None:
    asked = busy(503, 500, 429, 504, 502)
    with pytest.raises(Refused) as refusal:
        _deployed()
    assert refusal.value.code == "pool.missing"
    assert asked == [503, 500, 429, 504, 502, 404]


def test_a_server_that_stays_busy_is_told_of_in_plain_words(busy: Callable[..., list[int]]) -> None:
    asked = busy(*[503] * 20)
    with pytest.raises(Transient, match=r"answers 503, though it was asked 7 times.*give the same command again"):
        _deployed()
    assert asked == [503] * 7


def test_what_trying_again_does_not_help_is_told_at_once(busy: Callable[..., list[int]]) -> None:
    asked = busy(422)
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        _deployed()
    assert asked == [422]


@pytest.fixture
def orchestrated(tmp_path: Path, database_url: str) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts programs that share one Prefect server, which is started first; ends them."""
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("OPSSPINE_", "PREFECT_"))},
        "DATABASE_URL": database_url,
        "OPSSPINE_DATA_DIR": str(tmp_path / "data"),
        "OPSSPINE_PREFECT__API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        with open(tmp_path / f"{len(started)}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], env=environment, cwd=tmp_path, stdout=log, stderr=log
            )
        started.append(process)
        return process

    start("prefect", "server", "start")
    _until(lambda: httpx.get(f"http://127.0.0.1:{port}/api/health").status_code == 200)
    yield start
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(60)


def _until(done: Callable[[], bool], seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if done():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("it took too long")


@pytest.mark.cluster
@pytest.mark.timeout(1500)
def test_a_worker_runs_what_was_deployed(
    orchestrated: Callable[..., subprocess.Popen[bytes]], database: Database, tmp_path: Path
) -> None:
    """`opsspine deploy` makes a pool of processes; its worker detects by the schedule. Twice is as good as once."""
    run = "import sys; from deployments.cli import app; sys.argv = ['opsspine', *sys.argv[1:]]; app()"
    (tmp_path / "cli.py").write_text(run)
    for _ in range(2):
        deployed = orchestrated("cli", "deploy", "--pool", "runs", "--type", "process", "--json")
        assert deployed.wait(400) == 0, "\n".join(log.read_text()[-1500:] for log in sorted(tmp_path.glob("*.log")))
    answer = json.loads((tmp_path / "2.log").read_text())
    assert answer["data"]["type"] == "process"
    assert "detect/schedule" in answer["data"]["deployments"]
    orchestrated("prefect", "worker", "start", "--pool", "runs", "--type", "process")

    def detected() -> bool:
        with database.system() as connection:
            return "detect" in beats(connection)

    _until(detected)
