"""The declaration of a runbook: pure data and pure functions, read by the engine, the console and the docs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spine.case import Case, Diagnosis, Proposal
from spine.incident import Incident, IncidentKind
from spine.plan import Decision, Hypothesis, RiskNote, VerifyCriteria
from spine.settings.respond import VerifySettings
from spine.verdict import stop_condition


@dataclass(frozen=True, slots=True)
class Example:
    """A small case a runbook must act on, or must leave alone: test, manual and drill in one."""

    name: str
    case: Callable[[], Case]
    acts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """What people outside the on-call rota are told."""

    admin: Callable[[Incident, Decision], str]
    """Effect, the decision that is needed, when it rolls back."""
    user: str
    """What happened, what we did, one safe step; "" = users are not told."""
    audience: str
    """Who hears of it beyond on-call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """One kind of incident: who owns it, and its steps in order."""

    kind: IncidentKind
    version: str
    """Part of every plan's hash: a new version voids approvals of old plans."""
    title: str
    owner: str
    summary: str
    """Looks like, costs, not this: the module's docstring."""
    ladder: tuple[str, ...]
    """The actions it may propose, mildest first."""
    asks: tuple[str, ...] = ()
    """The diagnostics (tasks/diagnostics) that are asked before it diagnoses."""
    diagnose: Callable[[Case], Diagnosis]
    hypotheses: Callable[[Case, Diagnosis], Sequence[Hypothesis]]
    propose: Callable[[Case, Diagnosis], Sequence[Proposal]]
    criteria: Callable[[Case, Diagnosis, VerifySettings], VerifyCriteria]
    risks: tuple[RiskNote, ...]
    messages: Messages
    examples: tuple[Example, ...]

    def rolls_back_when(self, settings: VerifySettings) -> str:
        """What is called harm under these settings, told of the first example it acts on."""
        case = next(example.case() for example in self.examples if example.acts)
        return stop_condition(self.criteria(case, self.diagnose(case), settings))

    @property
    def steps(self) -> tuple[Callable[..., object], ...]:
        """Its functions, in the order they are asked."""
        return (self.diagnose, self.hypotheses, self.propose, self.criteria)
