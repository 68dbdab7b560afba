"""The environment the children run in: where the database and the orchestrator are."""

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from spine.settings import Settings

_NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
}
# Measured (PREFECT.md): task runs reach the database in batches, a 10-task flow takes 0.13 s instead of 2.2 s.
_QUICK = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
_PATIENT = {
    # By default a busy PostgreSQL that takes five seconds to accept a connection makes the server answer 500.
    "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
    "PREFECT_SERVER_DATABASE_TIMEOUT": "30",
}
_KEPT = {
    # Finished runs are forgotten after two weeks; our own records are in the ledger and the audit trail.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 24 * 3600),
    # In memory (the default) a killed server forgets who holds a slot, and the slot is never free again.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
# A process that forks must have a single thread (docs/adr/0004), and no array here is worth two.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def child_environment(settings: Settings, database_url: str, prefect_database_url: str) -> dict[str, str]:
    """Variables of every child: ours, Prefect's, and nothing that phones home."""
    home = settings.data_dir / "prefect"
    return {
        **os.environ,
        **_NO_TELEMETRY,
        **_QUICK,
        **_PATIENT,
        **_KEPT,
        "PYTHONUNBUFFERED": "1",
        **_ONE_THREAD,
        "DATABASE_URL": database_url,
        "OPSSPINE_DATA_DIR": str(settings.data_dir),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": settings.prefect.url,
        "PREFECT_SERVER_API_HOST": settings.prefect.host,
        "PREFECT_SERVER_API_PORT": str(settings.prefect.port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": settings.prefect.ui_url,  # no page but its own may call it
        "PREFECT_UI_API_URL": settings.prefect.url,
        "PREFECT_API_DATABASE_CONNECTION_URL": asyncpg_url(prefect_database_url),
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "opsspine",  # what a run writes into the timeline stands in its log, too
        "PREFECT_LOGGING_LEVEL": os.environ.get("PREFECT_LOGGING_LEVEL", "INFO"),
    }


def asyncpg_url(url: str) -> str:
    """`url` with the driver Prefect's server uses."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql+asyncpg"))


def sibling_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def log_folder(settings: Settings) -> Path:
    """Where the children's output goes."""
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
