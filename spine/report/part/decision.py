"""The decision and its alternatives: what was chosen, what was considered, and why not."""

from spine.plan import Decision, GuardResult, Step
from spine.report.account import Account
from spine.report.citation import Entry
from spine.report.fact import Fact, Row
from spine.report.model import Block, Passage, Section, Table
from spine.report.term import Heading
from spine.report.word import clock, many
from spine.span import span

_COLUMNS = ("Action", "Risk", "Gate", "For", "Trouble it would have stopped", "Legitimate it would have hit", "Targets")


def decision(account: Account) -> Section:
    """Every decision, oldest first."""
    blocks: list[Block] = []
    for plan in account.decisions:
        entry = account.decided(plan)
        blocks += _told(plan, entry) if entry else [_changed(account, plan)]
    if not blocks:
        blocks = [Passage((Fact("Nothing was decided.", (account.latest,)),))]
    return Section(Heading.DECISION, tuple(blocks))


def _changed(account: Account, plan: Decision) -> Passage:
    text = (
        f"The stored plan of decision {plan.decision_id} is not one the trail recorded: its hash stands in no entry, "
        "so nothing of it is told here."
    )
    return Passage((Fact(text, account.resting(account.about(f"decision:{plan.decision_id}"))),))


def _told(plan: Decision, entry: Entry) -> list[Block]:
    blocks: list[Block] = [Passage(_head(plan, entry))]
    if plan.steps:
        blocks.append(Table(_COLUMNS, tuple(_row(step, entry) for step in plan.steps)))
    if considered := tuple(Row(cells, (entry,)) for cells in _alternatives(plan)):
        blocks.append(Table(("Considered", "Why not"), considered))
    return blocks


def _head(plan: Decision, entry: Entry) -> tuple[Fact, ...]:
    chosen = f"At {clock(entry.at)} UTC the engine decided {plan.decision.value} at confidence {plan.confidence:.2f} "
    factors = "; ".join(f"{one.name.replace('_', ' ')} {one.value:+.2f}" for one in plan.confidence_factors)
    facts = [Fact(f"{chosen}(uncalibrated: {factors or 'no factors'}); plan hash {plan.plan_hash}.", (entry,))]
    if plan.rollback_plan:
        facts.append(Fact(f"Everything was to be undone when {plan.rollback_plan.trigger}.", (entry,)))
    if plan.missing_evidence:
        facts.append(Fact(f"What could not be known then: {'; '.join(plan.missing_evidence)}.", (entry,)))
    return tuple(facts)


def _row(step: Step, entry: Entry) -> Row:
    blast = step.blast_radius
    stopped = (
        f"{blast.attack_share:.0%} ({blast.attack_stopped:,} of {blast.attack_events:,})" if blast else "not counted"
    )
    hit = f"{blast.legitimate_share:.1%} (cap {blast.cap:.1%})" if blast else "not counted"
    cells = (
        step.action_key, step.risk.value, step.gate.label, span(step.ttl) if step.ttl else "no end", stopped, hit,
        many(len(step.targets), "target") if step.targets else "whole tenant",
    )  # fmt: skip
    return Row(cells, (entry,))


def _alternatives(plan: Decision) -> list[tuple[str, str]]:
    """Actions that were wanted and refused, and causes that were thought of and not taken."""
    found = [(f"Action {step.action_key}", _refusals(step.guard_results)) for step in plan.denied]
    for rank, idea in enumerate(plan.hypotheses):
        against = "; ".join(idea.against) or "nothing spoke against it"
        speaks = "; ".join(idea.for_) or "nothing"
        verdict = "Taken as the likely cause" if rank == 0 else "Less likely"
        found.append((f"Cause: {idea.cause}", f"{verdict}. For it: {speaks}. Against it: {against}"))
    return found


def _refusals(results: tuple[GuardResult, ...]) -> str:
    failed = [f"{one.name}: {one.because}" for one in results if not one.passed]
    return "; ".join(failed) or "policy refused it"
