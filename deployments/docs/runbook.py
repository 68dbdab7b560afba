"""The page of runbooks: what each kind of incident looks like and what is done about it."""

import inspect

from deployments.docs.manual import rolls_back_when
from deployments.docs.markdown import first_paragraph, table
from deployments.docs.markdown import page as whole_page
from runbooks import catalogue
from spine.incident import AUTH_KINDS
from spine.runbook import Runbook


def page() -> str:
    """Every runbook, and the kinds of incident that have none."""
    books = catalogue()
    without = [f"`{kind.value}`" for kind in AUTH_KINDS if kind not in books]
    missing = f"Without a runbook so far: {', '.join(without)}." if without else ""
    return whole_page("Runbooks", "`runbooks/<kind>.py`", *(section(book) for book in books.values()), missing)


def section(book: Runbook) -> str:
    """One runbook."""
    ladder = ", ".join(f"[`{key}`](actions.md#{key.replace('.', '')})" for key in book.ladder)
    parts = [
        f"## {book.kind.value}",
        f"{book.title}. Version {book.version}, owner: {book.owner}.",
        f"```text\n{inspect.cleandoc(book.summary)}\n```",
        f"Actions, mildest first: {ladder}.",
        table(["step", "what it does"], [(f"`{s.__name__}`", first_paragraph(s.__doc__)) for s in book.steps]),
        table(
            ["risk", "likelihood", "impact", "what is done about it"],
            [(r.risk, r.likelihood, r.impact, r.mitigation) for r in book.risks],
        ),
        f"Rolls back, in the first example, when {rolls_back_when(book)}.",
        f"Users are told: {book.messages.user or 'nothing'}",
        f"Hears of it: {book.messages.audience}.",
        table(["example", "the spine"], [(e.name, "acts" if e.acts else "stays silent") for e in book.examples]),
    ]
    return "\n\n".join(parts)
