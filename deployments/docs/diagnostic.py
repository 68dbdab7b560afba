"""The page of diagnostics: what each looks at, and the runbook lines it serves."""

import inspect
import sys

from deployments.docs.markdown import first_paragraph, table
from deployments.docs.markdown import page as whole_page
from spine.diagnostic import State
from tasks.diagnostics import Diagnostic, diagnostics

_INTRODUCTION = """A diagnostic looks and changes nothing. Each of its checks is `ok`, `bad` or `unknown`; what could
not be seen is `unknown`, and never counts as healthy. Probes go only where [the settings](settings.md#probe) let
them: allowlisted hosts, HTTPS with a certificate that checks, no private address, no redirect, 5 s, 1 MiB."""
_MEANING = {
    State.OK: "it was looked at, and it is as it should be",
    State.BAD: "it was looked at, and it is not; the check says what to do",
    State.UNKNOWN: "it could not be seen, or is not configured; listed as missing evidence",
}


def page() -> str:
    """Every diagnostic, with what its file says of it."""
    states = table(["state", "meaning"], [(f"`{state.value}`", words) for state, words in _MEANING.items()])
    return whole_page(
        "Diagnostics", "`tasks/diagnostics/`", _INTRODUCTION, states, *(section(one) for one in diagnostics().values())
    )


def section(one: Diagnostic) -> str:
    """One diagnostic."""
    said = inspect.cleandoc(sys.modules[one.run.__module__].__doc__ or "").partition(": ")[2]
    return "\n\n".join(
        [
            f"## {one.spec.key}",
            f"{one.spec.title}. Asked for: {', '.join(f'`{kind.value}`' for kind in one.spec.serves)}.",
            said[:1].upper() + said[1:],
            f"How: {first_paragraph(one.run.__doc__)}",
        ]
    )
