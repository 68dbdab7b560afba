"""Evidence: what was observed, with hashes anybody can recompute."""

from spine.report.account import Account, Receipt
from spine.report.fact import Fact, Row
from spine.report.model import Glossary, Passage, Section, Table
from spine.report.term import Heading, Term
from spine.report.word import clock, plainly

_COLUMNS = ("Source", "Window (UTC)", "Events", "Observed (its threshold)", "SHA-256", "Standing")
_NUMBERS = 8
_ID = 36


def evidence(account: Account) -> Section:
    """Every frozen observation; where there is none, that."""
    if not account.receipts:
        return Section(Heading.EVIDENCE, (Passage((Fact("No evidence was kept.", (account.latest,)),)),))
    rows = tuple(_row(account, receipt) for receipt in account.receipts)
    return Section(Heading.EVIDENCE, (Table(_COLUMNS, rows), Glossary((Term.SUPPORTED, Term.KEPT))))


def _row(account: Account, receipt: Receipt) -> Row:
    entry, named = account.witness(receipt)
    standing = (Term.SUPPORTED if named else Term.KEPT).word if receipt.sound else "HASH IS WRONG: it was changed"
    cells = (
        _source(receipt.source), f"{clock(receipt.window_start)} to {clock(receipt.window_end)}",
        f"{receipt.n:,}", _numbers(receipt), receipt.sha256, standing,
    )  # fmt: skip
    return Row(cells, (entry,))


def _source(source: str) -> str:
    """Who observed it; whose id follows is not told."""
    noun, _, name = source.partition(":")
    return noun if len(name) == _ID else f"{noun} {name.replace('_', ' ')}".strip()


def _numbers(receipt: Receipt) -> str:
    shown = [_number(receipt, name, value) for name, value in list(receipt.observed.items())[:_NUMBERS]]
    more = len(receipt.observed) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _number(receipt: Receipt, name: str, value: float) -> str:
    limit = receipt.threshold.get(name)
    against = f" ({plainly(float(limit))})" if limit is not None else ""
    return f"{name.replace('_', ' ')} {plainly(float(value))}{against}"
