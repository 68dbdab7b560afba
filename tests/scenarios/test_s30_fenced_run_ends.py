"""30. A run whose incident was taken over while it worked has not failed: it ends, and says why."""

import asyncio
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import pytest

from flows import respond
from runbooks.engine.context import RunContext
from runbooks.engine.name import flow_name
from spine.errors import Refused
from spine.incident import IncidentStatus
from store import incidents
from tasks.closing import close_incident
from tasks.progress import move, owned


@pytest.fixture
def run(approval_case: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the incident's flow with what `respond` is to do; gives its final state."""
    case = approval_case
    for name, instead in {
        "living": nullcontext,
        "run_id": uuid4,
        "database": lambda: case.database,
        "settings": lambda: case.settings,
    }.items():
        monkeypatch.setattr(respond, name, instead)

    def play(response: Any) -> Any:
        monkeypatch.setattr(respond, "respond", response)
        return asyncio.run(respond.FLOWS[flow_name(case.incident.kind)].fn(str(case.incident.id)))

    return play


def test_s30_a_run_whose_incident_is_closed_meanwhile_completes_and_says_so(approval_case: Any, run: Any) -> None:
    case = approval_case

    async def closed_meanwhile(context: RunContext) -> str:
        close_incident(
            case.database, case.settings, case.incident.id, actor="person:robin", reason="by hand", now=case.clock.now()
        )
        with case.database.system() as connection:
            owned(connection, context.incident_id, context.fence)
        return "never said"

    state = run(closed_meanwhile)
    assert state.type.value == "COMPLETED"
    assert "was taken over" in state.message
    assert "people closed it" in state.message
    with case.database.system() as connection:
        assert incidents.get(connection, case.incident.id).status is IncidentStatus.RESOLVED


def test_s30_a_run_whose_incident_another_one_took_completes_though_it_goes_on(approval_case: Any, run: Any) -> None:
    case = approval_case

    async def taken_meanwhile(context: RunContext) -> str:
        with case.database.system() as connection:
            incidents.take(connection, context.incident_id, uuid4())
            owned(connection, context.incident_id, context.fence)
        return "never said"

    state = run(taken_meanwhile)
    assert (state.type.value, "was taken over" in state.message) == ("COMPLETED", True)
    with case.database.system() as connection:
        assert incidents.get(connection, case.incident.id).status is not IncidentStatus.RESOLVED


def test_s30_what_is_refused_because_the_incident_is_over_has_not_failed(approval_case: Any, run: Any) -> None:
    case = approval_case

    async def over(context: RunContext) -> str:
        now = case.clock.now()
        close_incident(case.database, case.settings, case.incident.id, actor="person:robin", reason="by hand", now=now)
        with case.database.system() as connection:  # as a run that took it again in the middle of its closing
            found = owned(connection, context.incident_id, None)
            move(connection, found, IncidentStatus.VERIFYING, at=now, summary="goes on")
        return "never said"

    state = run(over)
    assert (state.type.value, "resolved" in state.message) == ("COMPLETED", True)


def test_s30_any_other_refusal_fails_the_run(run: Any) -> None:
    async def refused(_: RunContext) -> str:
        raise Refused("policy.denied", "no")

    with pytest.raises(Refused, match="no"):
        run(refused)
