"""19, 25, 27 to 30 and 35 with two of each process: whatever dies, nothing is lost and nothing happens twice."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from deployments.demo.fake_slack import FakeSlack
from deployments.demo.fake_slack.workspace import Fault
from spine.incident import IncidentStatus as Status
from spine.lease import LeaseState
from spine.notification import Topic
from spine.severity import Severity
from store import outbox

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
Scene = Callable[[str], ModuleType]
KILLS: list[tuple[Status, list[tuple[str, ...]]]] = [
    (Status.AWAITING_APPROVAL, [("runner-1",), ("gateway-1", "relay-1"), ("redis",)]),
    (Status.MITIGATING, [("prefect-1",), ("postgres",), ("runner-2",)]),
    (Status.VERIFYING, [("prefect-services",), ("gateway-2", "relay-2"), ("prefect-2",)]),
]
"""At which state of an incident that was just approved what dies, one after the other."""


def test_two_of_each_answer_to_who_may_ask(cluster: Any) -> None:
    """Both Prefect servers want the password; both gateways tell of the same health; two of each have a process."""
    found = cluster.written
    assert len(set(found["prefect_urls"])) == len(set(found["gateway_urls"])) == 2
    for url in found["prefect_urls"]:
        assert cluster.http.post(f"{url}/api/flows/filter", json={}).status_code == 401
    for url in found["gateway_urls"]:  # the first look is taken within a minute of the start
        cluster.until(lambda url=url: _well(cluster, url), f"{url} tells that both are well", seconds=180)
    names = {name.rsplit("-", 1)[0] for name in found["pids"] if name.endswith("-2")}
    assert names == {"prefect", "gateway", "relay", "runner"}


def _well(cluster: Any, url: str) -> bool:
    checks = cluster.http.get(f"{url}/api/health").json()["checks"]
    return {entry["status"] for part in ("runner", "prefect") for entry in checks[part]} == {"pass"}


def test_gateways_count_tries_together(cluster: Any) -> None:
    """Twenty tries to sign in are one address's burst, at whichever gateway they are made."""
    urls = [f"{url}/api/ops/session/passkey/options" for url in cluster.written["gateway_urls"]]
    with httpx.Client(timeout=30, trust_env=False) as client:
        answers = [client.post(urls[n % 2], headers={"Sec-Fetch-Site": "same-origin"}).status_code for n in range(40)]
    assert set(answers) == {200, 429}
    assert 20 <= answers.count(200) <= 26, "a minute gives six back"


def test_scenes_of_one_machine_hold_here(cluster: Any, cast: Callable[[Any], Any], scene: Scene) -> None:
    """25, 29 and 30, side by side: schedules, two detections at once, a killed run, a run that was taken for dead."""
    schedules, runs = scene("test_s25_schedules"), scene("test_s30_crashed_but_alive")
    played = [
        schedules.s25_schedules_fire_and_carry_on,
        schedules.s25_two_detections_at_once_open_one_incident,
        runs.s29_a_killed_run_is_picked_up_again,
        runs.s30_a_run_marked_crashed_but_alive_is_fenced_out,
    ]
    with ThreadPoolExecutor(len(played)) as pool:
        for done in [pool.submit(play, cast(cluster)) for play in played]:
            done.result()
    for verb in ("detect", "reconcile", "check_health"):
        due = [run["expected_start_time"] for run in cluster.runs(flows={"name": {"any_": [verb]}}) if _due(run)]
        assert [moment for moment, times in Counter(due).items() if times > 1] == [], f"{verb} was due twice at once"


def _due(run: dict[str, Any]) -> bool:
    return bool(run["auto_scheduled"]) and run["state"]["type"] != "SCHEDULED"


def test_no_event_is_lost_or_doubled_whoever_takes_it_dies(
    cluster: Any, cast: Callable[[Any], Any], load: Callable[[Any, Any], Any]
) -> None:
    """An application writes all the time, each batch until somebody says yes; gateways and the database die in turn."""
    with load(cluster, cast(cluster).tenant) as written:
        for part in ("gateway-1", "postgres", "gateway-2", "gateway-1", "postgres"):
            before = len(written.accepted)
            cluster.kill_and_replace(part)
            cluster.until(lambda before=before: len(written.accepted) > before, f"events are taken after {part}")
    stored = written.stored()
    assert written.refusals > 0, "nothing it wrote to was ever away"
    assert written.accepted <= set(stored), "an event that was taken is lost"
    assert len(stored) == len(set(stored)), "an event is there twice"


def test_any_process_may_be_killed_under_load(cluster: Any, cast: Callable[[Any], Any]) -> None:
    """27: each process in turn, between an approval and its end, while users log in all the time."""
    robins = [cast(cluster) for _ in KILLS]
    flags = [robin.tenant.flags() for robin in robins]
    with ThreadPoolExecutor(len(robins)) as pool:
        asked = list(pool.map(lambda robin: robin.tenant.asked(), robins))
    with ExitStack() as lives:
        for robin, question, (moment, deaths) in zip(robins, asked, KILLS, strict=True):
            lives.enter_context(robin.tenant.life())
            assert robin.slack(question) == {}
            _wait_for(cluster, robin, moment)
            for parts in deaths:
                cluster.kill_and_see(*parts)
        for robin in robins:
            robin.tenant.ends(seconds=240)
    for robin, before in zip(robins, flags, strict=True):
        assert robin.tenant.count("incidents") == 1
        assert len(robin.tenant.audited("incident.opened")) == 1
        assert len(robin.tenant.audited("approval.decided")) == 1
        assert robin.tenant.flags() == before, "every flag is at its exact prior version"
        robin.tenant.settled("rate_limit.strict", "ip.throttle")


def _wait_for(cluster: Any, robin: Any, moment: Status) -> None:
    later = {Status.AWAITING_APPROVAL: 0, Status.MITIGATING: 1, Status.VERIFYING: 2}
    cluster.until(lambda: later.get(robin.tenant.status(), 3) >= later[moment], f"{moment.value} or later", pause=0.02)


def test_s19_a_storm_while_slack_is_busy_and_relays_die(
    cluster: Any, cast: Callable[[Any], Any], workspace: FakeSlack
) -> None:
    """Two relays, both killed as they deliver: criticals one by one, the rest folded into digests, nothing dropped."""
    tenant = cast(cluster).tenant
    tenant.calm()
    tenant.attack()
    incident = cluster.until(tenant.incident, "an incident", seconds=120)
    workspace.faults["chat.postMessage"] = Fault(status=429, error="ratelimited", retry_after=2, times=3)
    with cluster.database.system() as connection:
        for n in range(203):
            outbox.put(
                connection, tenant.id, Topic.INCIDENT_UPDATED if n >= 3 else Topic.INCIDENT_OPENED,
                {"incident": str(incident.id)}, severity=Severity.CRITICAL if n < 3 else Severity.MEDIUM,
                incident_id=incident.id, dedupe=f"storm-{n}", now=cluster.now(), channels=["slack"],
            )  # fmt: skip
    for part in ("relay-1", "relay-2"):
        cluster.kill_and_see(part)
    cluster.until(lambda: not _waiting(cluster, tenant), "everything is told", seconds=180)
    with cluster.database.system() as connection:
        rows = connection.execute(
            text("select status, attempts from outbox where tenant_id = :t and dedupe like 'storm-%'"), {"t": tenant.id}
        ).all()
    assert len(rows) == 203
    assert {row.status for row in rows} <= {"sent", "folded"}
    assert sum(row.status == "sent" for row in rows) >= 3


def _waiting(cluster: Any, tenant: Any) -> int:
    with cluster.database.system() as connection:
        query = text("select count(*) from outbox where tenant_id = :t and status not in ('sent', 'folded')")
        return int(connection.execute(query, {"t": tenant.id}).scalar_one())


def test_s35_an_end_missed_while_prefect_stands_still_is_made_up_for(cluster: Any, cast: Callable[[Any], Any]) -> None:
    """Both servers and the schedules freeze until the mitigations have lapsed; then the ledger follows, and says how
    late. What applications read changed in time: the end stands in the rule."""
    robin = cast(cluster)
    question = robin.tenant.asked()
    assert robin.slack(question) == {}
    cluster.until(robin.tenant.throttled, "it is in force", seconds=120)
    with _frozen(cluster, "prefect-1", "prefect-2", "prefect-services"):
        cluster.until(lambda: not robin.tenant.throttled(), "it lapsed by itself", seconds=60)
        assert LeaseState.ACTIVE in {lease.state for lease in robin.tenant.leases()}
    with robin.tenant.life():
        cluster.until(lambda: not robin.tenant.in_force(), "the ledger follows", seconds=180)
    late = [lease.late_seconds for lease in robin.tenant.leases() if lease.applied_at]
    assert any(seconds and seconds > 0 for seconds in late), "lateness is recorded"
    robin.tenant.settled("rate_limit.strict", "ip.throttle")


@contextmanager
def _frozen(cluster: Any, *parts: str) -> Iterator[None]:
    pids = [cluster.pid(part) for part in parts]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
