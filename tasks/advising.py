"""What the engine would propose for an incident of a replay: asked for, but neither stored nor done."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.incident import Incident, IncidentKind
from spine.plan import Decision
from spine.reach import Reach
from spine.runbook import Runbook
from spine.settings import Settings
from store.engine import Database
from tasks.casing import read_case
from tasks.mitigations import actions

Runbooks = Mapping[IncidentKind, Runbook]


def advise(
    database: Database, settings: Settings, runbooks: Runbooks, incident: Incident, now: datetime
) -> dict[str, Any] | None:
    """The engine's answer at `now`, in short; None where the kind has no runbook.

    Through the same case, diagnosis and engine as a live incident. Diagnostics that ask the outside world are not
    asked: it is not the world of those events any more. Flags are as a fresh installation has them.
    """
    runbook = runbooks.get(incident.kind)
    if runbook is None:
        return None
    rules = Rules.of(settings, tenants=Reach.of(incident).tenants)
    case = replace(read_case(database, incident, now), site=rules.site)
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    return told(decide(case, runbook.diagnose(case), runbook, specs, rules=rules, flags={}))


def told(decision: Decision) -> dict[str, Any]:
    """A decision for a line of a backtest: the verb, steps by gate, and whom the widest of them would hit."""
    radii = [step.blast_radius for step in decision.steps if step.blast_radius is not None]
    return {
        "decision": decision.decision.value,
        "steps": [f"{step.action_key} ({step.gate.label})" for step in decision.steps],
        "gates": dict(Counter(step.gate.label for step in decision.steps)),
        "denied": len(decision.denied),
        "attack_stopped": max((radius.attack_stopped for radius in radii), default=0),
        "legitimate_users_hit": max((radius.legitimate_users_hit for radius in radii), default=0),
    }
