"""Prefect's API: it starts runs and wakes those that wait."""

import time

import httpx

from spine.health import Reading, Status, well
from spine.severity import Severity
from tasks.checks import Check, Ports

_MEANS = "No run starts or is woken: nothing is detected, and no approval is carried out."
_LESS = "The others bear its part. Should they end as well, nothing is detected or carried out."
_DO = "Look at logs/prefect.log in the data folder; the supervisor starts its own server again by itself."


def ask(ports: Ports) -> Reading:
    """Ask whether it is healthy."""
    began, seconds = time.perf_counter(), ports.settings.health.timeout_seconds
    troubles = {url: _trouble(f"{url}/health", seconds) for url in ports.settings.prefect.urls}
    silent = [told for told in troubles.values() if told]
    if not silent:
        return well("answers", time.perf_counter() - began, "s")
    if len(silent) < len(troubles):  # each process has taken one that answers
        said = f"{len(troubles) - len(silent)} of {len(troubles)} servers answer: {'; '.join(silent)}"
        return Reading(status=Status.WARN, said=said, means=_LESS, do=_DO)
    return Reading(status=Status.FAIL, said="; ".join(silent), means=_MEANS, do=_DO)


def _trouble(url: str, seconds: float) -> str | None:
    """What is wrong at `url`; None = nothing."""
    try:
        answer = httpx.get(url, timeout=seconds, trust_env=False)
    except httpx.HTTPError as error:
        return f"{url} cannot be reached ({type(error).__name__})"
    return None if answer.status_code == 200 else f"{url} answers {answer.status_code}"


CHECK = Check(key="prefect", ask=ask, severity=Severity.CRITICAL, means=_MEANS, do=_DO)
