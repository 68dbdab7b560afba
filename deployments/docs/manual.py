"""The manual: one page per runbook, for whoever is called at night. Prefect shows it as the deployment's text."""

import inspect
import sys
from importlib import import_module
from typing import Any

from deployments.docs import operation
from deployments.docs.markdown import first_paragraph, kind, table
from deployments.docs.markdown import page as whole_page
from runbooks import catalogue
from runbooks.drills import drills
from spine.action import ActionSpec
from spine.detect import kinds
from spine.detect.detector import Detector
from spine.incident import IncidentKind
from spine.plan import PEOPLE_ONLY
from spine.runbook import Runbook
from spine.settings.respond import VerifySettings
from spine.span import span
from tasks.diagnostics import diagnostics
from tasks.mitigations import actions


def pages() -> dict[str, str]:
    """The index and every runbook's page, by the file's name."""
    made = {f"{book.kind.value.lower()}.md": page(book) for book in catalogue().values()}
    return {"README.md": index(), **made, **operation.pages()}


def index() -> str:
    """Which runbooks there are."""
    rows = [
        (f"[{b.title}]({b.kind.value.lower()}.md)", f"`{b.kind.value}`", b.owner, f"{len(drills().get(b.kind, ()))}")
        for b in catalogue().values()
    ]
    return whole_page(
        "Manual", "`runbooks/<kind>.py`", table(["runbook", "type", "owner", "drills"], rows),
        "## Operational runbooks", table(["runbook", "name", "owner"], operation.rows()),
        "Every action, with its bounds, guards and gates: [actions](../reference/actions.md).",
    )  # fmt: skip


def page(book: Runbook) -> str:
    """One runbook: when it starts, what it does, what it may do, how it ends, how to rehearse it."""
    name = book.kind.value.lower()
    parts = (
        f"`{book.kind.value}`, version {book.version}. Owner: {book.owner}. Hears of it: {book.messages.audience}.",
        f"```text\n{inspect.cleandoc(book.summary)}\n```",
        "## Trigger", _trigger(book.kind),
        "## Diagnosis", _diagnosis(book),
        "## Steps", table(["step", "what it does"], _steps(book)),
        "## Actions, mildest first",
        table(["action", "what", "parameters", "risk", "holds", "way back"], _ladder(book)),
        "## Risks", table(["risk", "likelihood", "impact", "what is done about it"], _risks(book)),
        "## Rollback", _rollback(book),
        "## What people are told", f"Users: {book.messages.user or 'nothing'}",
        "## Drill", _drill(book),
    )  # fmt: skip
    return whole_page(book.title, f"`runbooks/{name}.py`", *parts)


def _trigger(kind_: IncidentKind) -> str:
    found: tuple[Detector, ...] = import_module(f"{kinds.__name__}.{kind_.value.lower()}").DETECTORS
    rows = [(f"`{one.name}`", first_paragraph(sys.modules[one.find.__module__].__doc__)) for one in found]
    by_hand = f"By hand, for an incident that is open already: start `{kind_.value.lower()}/respond` with its id."
    return f"{table(['detector', 'sees'], rows)}\n\n{by_hand}"


def _diagnosis(book: Runbook) -> str:
    if not book.asks:
        return "It asks nothing outside: the events say it all."
    asked = diagnostics()
    return table(["diagnostic", "looks at"], [(f"`{key}`", asked[key].spec.title) for key in book.asks])


def _steps(book: Runbook) -> list[tuple[str, str]]:
    return [(f"`{step.__name__}`", first_paragraph(step.__doc__)) for step in book.steps]


def _ladder(book: Runbook) -> list[tuple[str, ...]]:
    registry = actions()
    return [_row(registry[key].spec) for key in book.ladder]


def _row(spec: ActionSpec[Any]) -> tuple[str, ...]:
    params = "; ".join(f"`{name}`: {kind(field)}" for name, field in spec.params.model_fields.items())
    risk = "by its parameters" if callable(spec.risk) else spec.risk.value
    holds = f"{span(spec.ttl.default)} ({span(spec.ttl.min)} to {span(spec.ttl.max)})" if spec.ttl else "nothing lasts"
    return f"`{spec.key}`", spec.title, params or "none", risk, holds, _way_back(spec)


def _way_back(spec: ActionSpec[Any]) -> str:
    if spec.harmless:
        return "not needed: it only records or tells"
    if not spec.reversible:
        return "none: it cannot be undone"
    return "people alone take it back" if spec.containment else "by itself, at the latest when its time is up"


def _risks(book: Runbook) -> list[tuple[str, ...]]:
    return [(r.risk, r.likelihood, r.impact, r.mitigation) for r in book.risks]


def _rollback(book: Runbook) -> str:
    return (
        f"In the first example it is rolled back when {rolls_back_when(book)}. "
        "By hand: `opsspine leases revert LEASE`, or `opsspine incidents resolve INCIDENT` for everything it holds."
    )


def rolls_back_when(book: Runbook) -> str:
    """What takes its actions back before their time, in the first example it acts on."""
    registry = actions()
    lasting = [registry[key].spec for key in book.ladder if registry[key].spec.ttl is not None]
    if all(spec.containment for spec in lasting):
        return PEOPLE_ONLY
    return book.rolls_back_when(VerifySettings())


def _drill(book: Runbook) -> str:
    known, name = drills().get(book.kind, ()), book.kind.value.lower()
    if not known:
        return "There is none yet."
    rows = [(f"`{d.name}`", d.title, "nothing opens" if d.negative else "it is answered") for d in known]
    told = f"`opsspine drill {name}` plays those that are answered, `opsspine drill {name} --negative` the others."
    return f"{table(['drill', 'plays', 'must end with'], rows)}\n\n{told}"
