"""Which processes a cluster consists of, each with its command and what its environment adds."""

import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.cluster.environment import prefect_clients
from spine.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """One process."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM


def prefect_urls(settings: Settings) -> tuple[str, ...]:
    """The API of every Prefect server."""
    first = settings.prefect
    return tuple(f"http://{first.host}:{first.port + n}/api" for n in range(settings.cluster.prefect_apis))


def gateway_urls(settings: Settings) -> tuple[str, ...]:
    """Every gateway."""
    first = settings.gateway
    return tuple(f"http://{first.host}:{first.port + n}" for n in range(settings.cluster.gateways))


def servers(settings: Settings, environment: Mapping[str, str]) -> Iterator[Part]:
    """Prefect's API servers, and the one process of its background services."""
    python = [sys.executable, "-m", "prefect", "server"]
    for n in range(settings.cluster.prefect_apis):
        name, port = f"prefect-{n + 1}", settings.prefect.port + n
        home = str(_home(settings, name) / "prefect")
        url = f"http://{settings.prefect.host}:{port}"
        own = {
            "PREFECT_HOME": home,
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_UI_API_URL": f"{url}/api",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,
        }
        yield Part(name, [*python, "start", "--no-services"], {**environment, **own})
    home = str(_home(settings, "prefect-services") / "prefect")
    yield Part("prefect-services", [*python, "services", "start"], {**environment, "PREFECT_HOME": home})


def workers(settings: Settings, auth: str) -> Iterator[Part]:
    """Our own processes: gateways, relays and runners, each with a folder of its own, as on a machine of its own."""
    counts = settings.cluster
    for n in range(counts.gateways):
        own = {"OPSSPINE_GATEWAY__PORT": str(settings.gateway.port + n), "OPSSPINE_GATEWAY__WORKERS": "1"}
        yield _ours(settings, auth, n, f"gateway-{n + 1}", "deployments.gateway", **own)
    for n in range(counts.relays):
        yield _ours(settings, auth, n, f"relay-{n + 1}", "deployments.relay")
    for n in range(counts.runners):
        yield _ours(settings, auth, n, f"runner-{n + 1}", "deployments.serve")
    if settings.slack.app_token:
        yield _ours(settings, auth, 0, "slack", "deployments.slack_socket")


def _ours(settings: Settings, auth: str, number: int, name: str, module: str, **more: str) -> Part:
    home = _home(settings, name)
    environment = {
        **prefect_clients(prefect_urls(settings), auth, number),
        "OPSSPINE_DATA_DIR": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "prefect" / "storage"),
        **more,
    }
    if module != "deployments.serve":  # they choose a server at each call, and start while none of them answers
        return Part(name, [sys.executable, "-m", module], environment)
    return Part(name, [sys.executable, "-m", "deployments.replica", module], environment, signal.SIGKILL)


def _home(settings: Settings, name: str) -> Path:
    """A folder of its own: nothing that two of them need lies in it."""
    folder = settings.data_dir / "parts" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
