"""`python -m deployments.prefect_file`: writes `prefect.yaml`, for those who deploy with Prefect's own command.

What is deployed is said once, in `deployments.serve.deployments`; `opsspine deploy` reads that, and so does this.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from prefect import __version__ as prefect_version
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.deployments.runner import RunnerDeployment

from deployments.serve import deployments
from spine.settings import Settings

FILE = Path(__file__).parents[1] / "prefect.yaml"
_HEAD = """\
# Written by `python -m deployments.prefect_file`; a test sees to it that it is current.
# For `prefect deploy --all`, with the name of the work pool in OPSSPINE_PREFECT__WORK_POOL and, for containers, their
# image in OPSSPINE_IMAGE. `opsspine deploy --pool NAME` does the same, and makes the pool. See docs/production.md.
"""


def rendered(made: Sequence[RunnerDeployment]) -> str:
    """The file for these deployments."""
    whole = {
        "name": "opsspine",
        "prefect-version": prefect_version,
        "build": None,
        "push": None,
        "pull": None,
        "deployments": [_one(one) for one in sorted(made, key=lambda one: (str(one.flow_name), one.name))],
    }
    text: str = yaml.safe_dump(whole, sort_keys=False, width=110, allow_unicode=True)
    return _HEAD + text


def _one(deployment: RunnerDeployment) -> dict[str, Any]:
    """A deployment as Prefect's file has it."""
    found: dict[str, Any] = {
        "name": deployment.name,
        "entrypoint": deployment.entrypoint,
        "tags": sorted(deployment.tags),
        "work_pool": {
            "name": "{{ $OPSSPINE_PREFECT__WORK_POOL }}",
            "job_variables": {"image": "{{ $OPSSPINE_IMAGE }}"},
        },
    }
    if deployment.concurrency_limit is not None:
        options = deployment.concurrency_options
        found["concurrency_limit"] = {"limit": deployment.concurrency_limit}
        if options is not None:
            found["concurrency_limit"] |= options.model_dump(mode="json", exclude_none=True)
    found["schedules"] = [
        {"interval": one.schedule.interval.total_seconds()}
        for one in deployment.schedules or ()
        if isinstance(one.schedule, IntervalSchedule)
    ]
    return found


def main() -> int:
    """Write the file, or with --check only say whether it is current."""
    parser = argparse.ArgumentParser(description="Write prefect.yaml.")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 when the file is out of date")
    check = parser.parse_args().check
    text = rendered(asyncio.run(deployments(Settings.model_construct())))
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print("prefect.yaml is out of date; run: python -m deployments.prefect_file")
        return 1
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
