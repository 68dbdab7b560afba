"""The manual's pages of operational runbooks: what each does, how it is run, what it refuses, how it is rehearsed."""

import inspect

from deployments.docs.markdown import page as whole_page
from deployments.docs.markdown import table
from runbooks.operation import Operation
from runbooks.operational import operations
from tasks.launch import launch_checks


def pages() -> dict[str, str]:
    """Every operational runbook's page, by the file's name."""
    return {f"{name}.md": page(one) for name, one in operations().items()}


def rows() -> list[tuple[str, ...]]:
    """The lines of the manual's index."""
    return [(f"[{one.title}]({one.name}.md)", f"`{one.name}`", one.owner) for one in operations().values()]


def page(operation: Operation) -> str:
    """One operational runbook."""
    name = operation.name
    parts = (
        f"`{name}`, version {operation.version}. Owner: {operation.owner}.",
        inspect.cleandoc(operation.summary),
        "## Steps", table(["step", "what it does"], [(f"`{step}`", does) for step, does in operation.steps]),
        *_items(name),
        "## On the command line",
        table(["command", "what it does"], [(f"`{words}`", does) for words, does in operation.commands]),
        f"As a flow: the deployment `{name}/run`; by hand `opsspine runbooks run {name}`.",
        "## It refuses", "\n".join(f"- {one}" for one in operation.refuses),
        "## Drill", f"`opsspine runbooks drill {name}`, or the deployment `{name}_drill/drill`. "
        f"{inspect.cleandoc(operation.drill.__doc__ or '')} It is played in a database of its own: nothing and nobody "
        "outside is reached. Every assertion is kept (`opsspine runbooks runs`).",
    )  # fmt: skip
    return whole_page(operation.title, f"`runbooks/operational/{name}.py`", *parts)


def _items(name: str) -> tuple[str, ...]:
    if name != "launch_checklist":
        return ()
    lines = [
        (f"`{one.item.key}`", one.item.title, one.looks_at, "yes" if one.item.waivable else "never")
        for one in launch_checks().values()
    ]
    return "## Items, every one a blocker", table(["item", "holds when", "looks at", "may be waived"], lines)
