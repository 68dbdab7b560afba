"""When no action of the ladder can help, people are called; and what is usual is known by type."""

from dataclasses import replace

import pytest

from runbooks import catalogue
from spine.case_example import Crowd, case
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.incident import IncidentKind
from spine.plan import Verb
from spine.settings import Settings
from spine.severity import Severity


@pytest.mark.parametrize(
    ("beyond", "severity", "verb"),
    [
        ("a key must be put back by hand", Severity.HIGH, Verb.ESCALATE),
        ("a key must be put back by hand", Severity.MEDIUM, Verb.MONITOR),
        ("", Severity.HIGH, Verb.MONITOR),
    ],
)
def test_what_only_people_can_mend_is_handed_to_them_from_high_on(beyond: str, severity: Severity, verb: Verb) -> None:
    book = replace(catalogue()[IncidentKind.FAILED_LOGINS_SPIKE], propose=lambda _case, _found: ())
    seen = case(Crowd(addresses=20, users=200, tries=3, hostile=True), severity=severity)
    found = replace(book.diagnose(seen), beyond=beyond)
    made = decide(seen, found, book, {}, rules=Rules.of(Settings(env="prod")), flags={})
    assert (made.decision, made.steps) == (verb, ())
