"""Drills of a tenant leak: another tenant's canary in an answer, denied probing, and support with a grant."""

from datetime import datetime, timedelta

from spine.diagnostic import Answer, Check, State
from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.event_type import EventType
from spine.plan import Gate, Verb
from spine.severity import Severity

OTHER = "drill-globex"
"""The tenant whose data is reached for; it is nobody's."""
_PEOPLE = 40
_KEPT_OUT = Answer("tenant_isolation", (Check("read", State.OK, "refused with 404"),))
_GOT_IN = Answer("tenant_isolation", (Check("read", State.BAD, "B's canary came back"),))


def _own(stage: Stage, since: datetime, until: datetime, per_minute: float = 4) -> list[RawEvent]:
    """People at their own data."""
    random, n = stage.random(), round((until - since).total_seconds() / 60 * per_minute)
    return [
        happened(EventType.TENANT_SCOPE_OK, at, user_id=f"drill-user-{random.randrange(_PEOPLE)}", ip="198.51.100.7")
        for at in spread(n, since, until)
    ]


def _crossed(at: datetime, **said: object) -> RawEvent:
    return happened(
        EventType.TENANT_SCOPE_VIOLATION, at, user_id="drill-user-1", ip="203.0.113.9", resource_tenant_id=OTHER,
        **said,
    )  # fmt: skip


def _canary(stage: Stage) -> list[RawEvent]:
    leak = _crossed(stage.ago(minutes=1), allowed=True, resource="canary", canary_tenant_id=OTHER, seen_by="canary")
    return [*_own(stage, stage.ago(hours=1), stage.end), leak]


def _granted(stage: Stage) -> list[RawEvent]:
    """A valid support grant: the access goes through, and somebody permitted it."""
    support = [
        happened(
            EventType.TENANT_SCOPE_OK, at, user_id="drill-support", ip="198.51.100.9", resource_tenant_id=OTHER,
            allowed=True, granted=True, grant_id="drill-ticket",
        )
        for at in spread(20, stage.ago(minutes=30), stage.end)
    ]  # fmt: skip
    return [*_own(stage, stage.ago(hours=1), stage.end), *support]


def _on_goes_the_day(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """Everybody works with their own data, whatever is cut off: several accesses a second."""
    n = max(round((until - since) / timedelta(seconds=1) * 4), 1)
    return [
        happened(EventType.TENANT_SCOPE_OK, at, user_id=f"drill-user-{k % _PEOPLE}", ip="198.51.100.7")
        for k, at in enumerate(spread(n, since, until))
    ]


DRILLS = (
    Drill(
        name="canary",
        title="the canary of one tenant comes back in the answer to another",
        script=_canary,
        traffic=_on_goes_the_day,
        answers={"tenant_isolation": _GOT_IN},
        expected=Expected(
            severity=Severity.CRITICAL,
            verb=Verb.CONTAIN,
            steps={
                "evidence.snapshot": Gate.ALLOW, "tenant.deny_cross": Gate.ALLOW, "tenant.isolate": Gate.TWO_PERSON,
            },
            flags={"tenant.crossAccess.disabled": True},
            denied=frozenset({"cache.disable_shared"}),
        ),
        refuses=frozenset({"tenant.isolate"}),
    ),
    Drill(
        name="support_with_a_grant",
        title="support works in another tenant under a valid grant",
        script=_granted,
        answers={"tenant_isolation": _KEPT_OUT},
        expected=None,
    ),
)  # fmt: skip
