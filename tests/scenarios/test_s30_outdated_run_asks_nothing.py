"""30. An outdated run neither asks people nor becomes the run that their answer wakes."""

from typing import Any
from uuid import uuid4

import pytest

from spine.errors import Refused
from spine.plan import Gate
from store import incidents
from tasks.gating import open_gate


def test_s30_only_the_newest_run_asks_and_is_the_one_to_wake(approval_case: Any) -> None:
    case, newer = approval_case, uuid4()
    with case.database.system() as connection:
        old = incidents.take(connection, case.incident.id, uuid4())
        new = incidents.take(connection, case.incident.id, newer)

    def ask(fence: int, run: Any) -> Any:
        return open_gate(
            case.database, case.settings, case.decision, gate=Gate.APPROVE, steps=case.decision.steps, run=run,
            fence=fence, now=case.clock.now(),
        )  # fmt: skip

    with pytest.raises(Refused, match="taken over"):
        ask(old, uuid4())
    assert case.audited() == []
    approval = ask(new, newer)
    with pytest.raises(Refused, match="taken over"):
        ask(old, uuid4())
    assert case.get(approval).flow_run_id == newer
