"""`/api/ops/auth/metrics`: what the tenant's authentication is like now, by window."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from gateway.api.view import View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from spine.family import FAMILIES
from store.read import metrics as rows
from store.read.metrics import Counts

router = APIRouter(prefix="/api/ops/auth/metrics", tags=["auth"])
Reader = Annotated[Caller, Depends(calling(Scope.METRICS_READ))]
_MOST_STEPS = 300


class Rate(View):
    """Attempts of one family of events, and how they ended."""

    noun: str = Field(examples=["logins"])
    failed: int
    worked: int
    failed_share: float | None = Field(description="0..1; null = nothing was tried.")
    usual_failed: float | None = Field(description="Of such a window at this hour of the week; null = not known yet.")


class Step(View):
    """Counts of one step of the window, by type of event."""

    at: datetime
    counts: dict[str, int]


class Metrics(View):
    """A window of the tenant's events. Missing data is not zero: see `watermark`."""

    since: datetime
    until: datetime
    watermark: datetime | None = Field(description="When the latest event occurred; null = there is none.")
    counts: dict[str, int] = Field(examples=[{"login_failed": 42, "login_succeeded": 900}])
    users: int | None = Field(description="Distinct users; null for windows over an hour.")
    addresses: int | None = Field(description="Distinct addresses; null for windows over an hour.")
    rates: dict[str, Rate] = Field(description="By kind of incident.")
    steps: list[Step]


@router.get("")
def get_metrics(
    request: Request,
    caller: Reader,
    window_minutes: Annotated[int, Query(ge=1, le=2880, description="Length, two days at most.")] = 60,
    step_minutes: Annotated[int | None, Query(ge=1, le=1440, description="null = about sixty steps.")] = None,
) -> Metrics:
    """The windowed metrics of the caller's tenant; events of drills are not among them."""
    context = context_of(request)
    window = timedelta(minutes=window_minutes)
    until = context.clock.now()
    least = -(-window_minutes // _MOST_STEPS)
    step = timedelta(minutes=max(least, step_minutes or -(-window_minutes // 60)))
    with context.database.tenant(caller.tenant) as connection:
        found = rows.counts(connection, until - window, until)
        steps = rows.series(connection, found.since, found.until, step)
    return Metrics(
        since=found.since, until=found.until, watermark=found.watermark, counts=found.by_type, users=found.users,
        addresses=found.addresses, rates=_rates(found), steps=_steps(steps),
    )  # fmt: skip


def _rates(found: Counts) -> dict[str, Rate]:
    """Failures against successes, of every kind of which something happened."""
    hours = (found.until - found.since) / timedelta(hours=1)
    rates = {}
    for kind, family in FAMILIES.items():
        failed = sum(found.by_type.get(one.value, 0) for one in family.failures)
        worked = sum(found.by_type.get(one.value, 0) for one in family.successes)
        usual = [found.usual_per_hour[one.value] for one in family.failures if one.value in found.usual_per_hour]
        if failed or worked:
            rates[kind.value] = Rate(
                noun=family.noun, failed=failed, worked=worked, failed_share=failed / (failed + worked),
                usual_failed=sum(usual) * hours if usual else None,
            )  # fmt: skip
    return rates


def _steps(rows_by_step: list[dict[str, object]]) -> list[Step]:
    steps: dict[datetime, dict[str, int]] = {}
    for row in rows_by_step:
        at, count = row["at"], row["n"]
        assert isinstance(at, datetime)
        assert isinstance(count, int)
        steps.setdefault(at, {})[str(row["type"])] = count
    return [Step(at=at, counts=counts) for at, counts in steps.items()]
