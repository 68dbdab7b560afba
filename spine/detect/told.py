"""Findings from what an application tells (spine/auth_event.py), without looking into any store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from spine.auth_event import MetricsSnapshot
from spine.case import LOOK_BACK
from spine.decision.blast import attempts
from spine.detect import detect
from spine.detect.recorded import recorded
from spine.detect.reported import Reported, finding
from spine.errors import Refused
from spine.event import Event, parse_event
from spine.family import family_of
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings import Settings


def events_of(snapshot: MetricsSnapshot, tenant: TenantId, now: datetime) -> pd.DataFrame | None:
    """The events of the last hour in it; None = it has none.

    Raises:
        Refused: one of them is no event.
    """
    if snapshot.events is None:
        return None
    events = [_event(index, raw, tenant, now) for index, raw in enumerate(snapshot.events)]
    recent = [e.model_dump(mode="python") for e in events if now - LOOK_BACK <= e.occurred_at <= now]
    frame = pd.DataFrame(recent, columns=list(Event.model_fields))
    told = [one if isinstance(one, Mapping) else {} for one in frame["attributes"]]
    said = {name: pd.Series([one.get(name) for one in told], index=frame.index) for name in ("kid", "service")}
    return frame.assign(**said)


def _event(index: int, raw: Mapping[str, Any], tenant: TenantId, now: datetime) -> Event:
    parsed = parse_event({"id": str(index), **raw}, now=now, tenant=tenant)
    if isinstance(parsed, Event):
        return parsed
    raise Refused(f"event.{parsed.reason.value}", f"event {index} of the snapshot: {parsed.detail}")


def told(
    snapshot: MetricsSnapshot,
    events: pd.DataFrame | None,
    kind: IncidentKind,
    tenant: TenantId,
    now: datetime,
    settings: Settings,
) -> Sequence[Finding]:
    """Of logins what the detectors see in them; of other kinds, which need a history, what their numbers say."""
    if events is not None and kind is IncidentKind.FAILED_LOGINS_SPIKE:
        known = snapshot.known_addresses or frozenset()
        frames = recorded(events, tenant=tenant, now=now, known_addresses=known, settings=settings.detect)
        return [found for found in detect(frames, settings.detect) if found.kind is kind]
    counts = Reported(
        failures=snapshot.failures_15m, successes=snapshot.successes_15m, users=snapshot.users_15m,
        usual_failures_per_hour=snapshot.usual_failures_per_hour,
    )  # fmt: skip
    if events is not None:
        tried = attempts(events, since=now - LOOK_BACK, until=now, family=family_of(kind))
        counts = Reported.of(tried, now, snapshot.usual_failures_per_hour)
    found = finding(kind, counts, tenant=tenant, now=now, settings=settings)
    return [found] if found else []
