"""Verification: what was looked at after the effect, window by window, and what was made of it."""

from datetime import datetime
from typing import Any

from spine.audit import AuditAction
from spine.report.account import Account, Receipt
from spine.report.citation import Entry
from spine.report.fact import Fact, Row
from spine.report.model import Block, Figure, Passage, Section, Table
from spine.report.plot import Plot
from spine.report.sentence import sentence
from spine.report.term import Heading
from spine.report.word import clock, many

_SOURCE = "verification"
_COLUMNS = ("Window (UTC)", "Failures", "Stopped by us", "Legitimate attempts", "of them succeeded", "Complete")


def verification(account: Account) -> Section:
    """The verdicts, and the samples behind each that was kept."""
    blocks: list[Block] = []
    found = account.of(AuditAction.VERIFICATION_COMPLETED)
    if found:
        blocks.append(Passage(tuple(Fact(f"At {clock(one.at)} UTC. {sentence(one)}.", (one,)) for one in found)))
    for receipt in account.receipts:
        if receipt.source == _SOURCE and receipt.sound and receipt.body.get("samples"):
            blocks += _samples(account, receipt)
    if not blocks:
        blocks = [Passage((Fact("Nothing was verified.", (account.latest,)),))]
    return Section(Heading.VERIFICATION, tuple(blocks))


def _samples(account: Account, receipt: Receipt) -> list[Block]:
    entry, _ = account.witness(receipt)
    samples: list[dict[str, Any]] = list(receipt.body["samples"])
    labels = tuple(f"{datetime.fromisoformat(one['start']):%H:%M}" for one in samples)
    limit = receipt.observed.get("failures_limit")
    blocks: list[Block] = [_failures(samples, labels, limit, entry)]
    if any(one["legitimate_attempts"] for one in samples):
        blocks.append(_people(samples, labels, entry))
    return [*blocks, Table(_COLUMNS, tuple(_row(one, entry) for one in samples))]


def _failures(samples: list[dict[str, Any]], labels: tuple[str, ...], limit: float | None, entry: Entry) -> Figure:
    values = tuple(float(one["failures"]) for one in samples)
    held = f"; the limit was {limit:,.0f}" if limit is not None else ""
    worst = f"Failures in each of {many(len(samples), 'window')} after the effect: at most {max(values):,.0f}{held}."
    plot = Plot(title="Failures per window", unit="", labels=labels, values=values, limit=limit)
    return Figure(Fact(worst, (entry,)), plot)


def _people(samples: list[dict[str, Any]], labels: tuple[str, ...], entry: Entry) -> Figure:
    values = tuple(
        100.0 * one["legitimate_successes"] / one["legitimate_attempts"] if one["legitimate_attempts"] else None
        for one in samples
    )
    attempts = sum(one["legitimate_attempts"] for one in samples)
    successes = sum(one["legitimate_successes"] for one in samples)
    share = f"{successes:,} of {many(attempts, 'attempt')} ({successes / attempts:.1%})"
    told = f"Legitimate success in the same windows: {share}."
    plot = Plot(title="Legitimate attempts that succeed", unit="%", labels=labels, values=values, line=True)
    return Figure(Fact(told, (entry,)), plot)


def _row(one: dict[str, Any], entry: Entry) -> Row:
    start, end = (datetime.fromisoformat(one[name]) for name in ("start", "end"))
    numbers = (f"{one[name]:,}" for name in ("failures", "stopped", "legitimate_attempts", "legitimate_successes"))
    return Row((f"{clock(start)} to {clock(end)}", *numbers, "yes" if one["complete"] else "no"), (entry,))
