"""What every flow starts with: the settings of this process, its database, and its sign of life."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import UUID

import structlog
from prefect.runtime import flow_run

from spine.errors import Refused
from spine.log import plain
from spine.settings import Settings
from store.engine import Database
from store.liveness import alive

# Prefect keeps the logs of this logger with its run (PREFECT_LOGGING_EXTRA_LOGGERS), but sets no level.
logging.getLogger("opsspine").setLevel(logging.INFO)
plain()


@cache
def settings() -> Settings:
    """The settings of this process, read once from the environment."""
    return Settings()


def database_url() -> str:
    """Where the state is.

    Raises:
        Refused: `DATABASE_URL` is not set; the supervisor sets it for the runs it starts.
    """
    url = settings().database_url
    if url is None:
        raise Refused("flow.database", "DATABASE_URL is not set, so this run does not know where its state is. Set it.")
    return url


@cache
def database() -> Database:
    """The pool of this process."""
    return Database(database_url(), pool_size=2, application="flow")


def run_id() -> UUID:
    """The id of the flow run this code executes in."""
    return UUID(str(flow_run.id))


@contextmanager
def living() -> Iterator[None]:
    """While this block runs, everybody can see that the run's process is alive (store/liveness.py).

    Lines of the log bear the run, and the incident it answers.
    """
    incident = flow_run.parameters.get("incident_id")
    about = {"run_id": str(run_id())} | ({"incident_id": str(incident)} if incident else {})
    with alive(database_url(), run_id()), structlog.contextvars.bound_contextvars(**about):
        yield
