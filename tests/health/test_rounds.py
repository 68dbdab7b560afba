"""A round of checks: nobody waits for another, faults are failures, plug-ins take part, and it is written down."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text

from spine.clock import ManualClock
from spine.errors import Refused
from spine.health import Reading, Status, well
from spine.severity import Severity
from tasks import checks as plug_ins
from tasks.checking import ask_all, check_once
from tasks.checks import Check, Ports, checks

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_a_check_that_hangs_or_raises_has_failed_and_delays_no_other(ports: Ports) -> None:
    over, ended = Event(), []

    def hangs(_: Ports) -> Reading:
        ended.append(over.wait(30))
        return well("")

    def raises(_: Ports) -> Reading:
        raise ConnectionError("cannot reach postgres://user:hunter2@db/x")

    def check(key: str, ask: Callable[[Ports], Reading], **more: Any) -> Check:
        return Check(key=key, ask=ask, means="m", do="d", **more)

    found = {
        one.key: reading
        for one, (reading, _) in ask_all(
            [
                check("hangs", hangs), check("raises", raises), check("soft", raises, comfort=True),
                check("well", lambda _: well("fine", 3, "x")),
            ],
            ports, 0.3,
        )
    }  # fmt: skip
    assert not ended, "nobody waited for it"
    over.set()
    assert {key: reading.status.value for key, reading in found.items()} == {
        "hangs": "fail", "raises": "fail", "soft": "warn", "well": "pass",
    }  # fmt: skip
    assert found["hangs"].said == "no answer within 0.3 s"
    assert (found["raises"].means, found["raises"].do) == ("m", "d")
    assert "hunter2" not in found["raises"].said


class _Point:
    """An entry point of another package."""

    name, value = "queue", "shop.checks:QUEUE"

    def __init__(self, brings: object) -> None:
        self._brings = brings

    def load(self) -> object:
        return self._brings


def _with(monkeypatch: pytest.MonkeyPatch, brings: object) -> dict[str, Check]:
    monkeypatch.setattr(plug_ins, "entry_points", lambda group: [_Point(brings)] if group == "opsspine.checks" else [])
    return checks.__wrapped__()


def test_another_package_may_bring_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Check(key="queue", ask=lambda _: well("empty"), means="m", do="d", severity=Severity.MEDIUM)
    assert _with(monkeypatch, mine)["queue"] is mine


@pytest.mark.parametrize("brings", ["no check", "disk"], ids=["no check", "a key of ours"])
def test_a_plug_in_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, brings: str) -> None:
    made: object = checks()["disk"] if brings == "disk" else brings
    with pytest.raises(Refused, match=r"shop\.checks:QUEUE"):
        _with(monkeypatch, made)


def test_a_round_is_written_down_with_since_and_count(ports: Ports, clock: ManualClock) -> None:
    for _ in range(2):
        done = check_once(ports.database, ports.settings, clock)
        clock.advance(timedelta(minutes=1))
    prefect = next(one for one in done.standings if one.key == "prefect")
    assert (prefect.status, prefect.in_row, prefect.since, prefect.at) == (
        Status.FAIL, 2, NOW, NOW + timedelta(minutes=1),
    )  # fmt: skip
    assert "prefect fail" in done.sentence


def test_a_part_that_is_gone_is_no_longer_shown(ports: Ports, clock: ManualClock) -> None:
    check_once(ports.database, ports.settings, clock)
    with ports.database.owner() as connection:
        connection.execute(
            text(
                "insert into health_checks select 'gone', status, said, observed, unit, means, remedy, severity, since,"
                " at, in_row, took_seconds from health_checks where key = 'disk'"
            )
        )
    done = check_once(ports.database, ports.settings, clock)
    assert {one.key for one in done.standings} == set(checks())
