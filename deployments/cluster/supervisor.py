"""`python -m deployments.cluster.supervisor`: PostgreSQL, Redis, Prefect servers, gateways, relays and runners.

What is one process in `opsspine up` is two here, and nothing stands before them: what holds on this machine holds on
many. With DATABASE_URL and REDIS_URL set, those servers are used; else it runs a PostgreSQL and a Redis of its own.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from deployments.cluster import own_redis
from deployments.cluster.environment import prefect_servers
from deployments.cluster.requirement import require
from deployments.cluster.topology import Part, gateway_urls, prefect_urls, servers, workers
from deployments.environment import child_environment, log_folder
from deployments.instance import READY_FILE
from deployments.port import require_free
from deployments.process import Child
from deployments.supervisor import Supervisor
from spine.errors import Broken, OpsSpineError
from spine.settings import Settings
from store.engine import Database
from store.migrate import migrate
from store.secrets import Vault
from tasks.notifiers import checked

_REDIS_SECONDS = 20


class ClusterSupervisor(Supervisor):
    """Starts all parts in the order they depend on each other, and starts again what dies."""

    def require_ports(self) -> None:
        """Every port that will be listened on."""
        gateway, prefect, counts = self.settings.gateway, self.settings.prefect, self.settings.cluster
        for n in range(counts.gateways):
            require_free(gateway.host, gateway.port + n, f"gateway {n + 1}", "OPSSPINE_GATEWAY__PORT")
        for n in range(counts.prefect_apis):
            require_free(prefect.host, prefect.port + n, f"Prefect server {n + 1}", "OPSSPINE_PREFECT__PORT")
        if self.settings.redis_url is None:
            require_free("127.0.0.1", counts.redis_port, "Redis", "OPSSPINE_CLUSTER__REDIS_PORT")

    def start_parts(self, ours: str, prefects: str) -> None:
        """Everything, until it works."""
        folder = self.settings.data_dir
        auth = self._auth()
        environment = child_environment(self.settings, ours, prefects)
        redis_url = self._redis(environment)
        shared = {"REDIS_URL": redis_url, **prefect_servers(redis_url, auth)}
        upgrade = self._upgrade_prefect({**environment, **shared})
        database = Database(ours)
        migrate(database)
        self.make_key(database)
        database.close()
        environment["OPSSPINE_SECRET_KEY"] = self._key_text()
        if upgrade.wait():
            raise Broken(
                f"Prefect's own database could not be brought up to date. The log is in {log_folder(self.settings)}."
            )
        for part in servers(self.settings, shared):
            self._start_part(part, environment)
        ready = [folder / "parts" / f"runner-{n + 1}" / READY_FILE for n in range(self.settings.cluster.runners)]
        for file in ready:
            file.unlink(missing_ok=True)
        for part in workers(self.settings, auth):
            self._start_part(part, environment)
        self._await_all(ready)

    def state(self, ours: str) -> dict[str, Any]:
        """What `opsspine cluster status`, other commands and tests need to know."""
        return {
            **super().state(ours),
            "prefect_auth": self._auth(),
            "gateway_urls": gateway_urls(self.settings),
            "prefect_urls": [url.removesuffix("/api") for url in prefect_urls(self.settings)],
        }

    def _auth(self) -> str:
        """What whoever calls Prefect's API has to know."""
        return f"opsspine:{own_redis.secret(self.settings.data_dir / 'prefect.password')}"

    def _start_part(self, part: Part, environment: Mapping[str, str]) -> None:
        log = log_folder(self.settings) / f"{part.name}.log"
        child = Child(part.name, part.command, {**environment, **part.environment}, log, stop_signal=part.stop_signal)
        self.children.append(child)
        child.start()

    def _redis(self, environment: Mapping[str, str]) -> str:
        """The URL of the Redis that was named, else of one of our own, which answers."""
        if self.settings.redis_url is not None:
            url = self.settings.redis_url.get_secret_value()
        else:
            command, url = own_redis.prepare(self.settings.data_dir / "redis", self.settings.cluster.redis_port)
            self._start_part(Part("redis", command), environment)
        until = time.monotonic() + _REDIS_SECONDS
        while not own_redis.answers(url):
            if time.monotonic() > until:
                raise Broken(f"Redis did not answer within {_REDIS_SECONDS} s. See REDIS_URL, or logs/redis.log.")
            time.sleep(0.05)
        return url

    def _upgrade_prefect(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Bring Prefect's database up to date, once, beside our own."""
        with open(log_folder(self.settings) / "prefect-upgrade.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
                env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def _key_text(self) -> str:
        """The key of second factors: by environment, for no folder is shared."""
        key = self.settings.secret_key
        return key.get_secret_value() if key else Vault.file_of(self.settings).read_text().strip()

    def _await_all(self, ready: list[Path]) -> None:
        with httpx.Client(timeout=2, trust_env=False) as client:
            for url in prefect_urls(self.settings):
                self.await_answer(client, f"{url}/health")
            for url in gateway_urls(self.settings):
                self.await_answer(client, f"{url}/readyz")
        for file in ready:
            self.await_file(file)


def main() -> int:
    """The cluster in the foreground; 1 and a sentence when it cannot start."""
    try:
        settings = checked(Settings())
        require(settings)
        ClusterSupervisor(settings).run()
    except OpsSpineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
