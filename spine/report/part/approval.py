"""Approvals: who, when, and with which strength."""

from spine.audit import AuditAction
from spine.report.account import Account
from spine.report.citation import Entry
from spine.report.fact import Fact, Row
from spine.report.model import Glossary, Passage, Section, Table
from spine.report.sentence import sentence
from spine.report.term import Heading, Term
from spine.report.word import clock, plainly, who

_A = AuditAction
_COLUMNS = ("When (UTC)", "Who", "What", "Gate", "Strength", "Via", "Reason")
_SHOWN = (_A.APPROVAL_REQUESTED, _A.APPROVAL_DECIDED, _A.BREAKGLASS_USED)
_BY_ITSELF = frozenset({"expired", "void"})


def approvals(account: Account) -> Section:
    """Every question and every word on it, refused ones included."""
    mine = [one for one in account.trail if one.subject.startswith("approval:")]
    told = [one for one in mine if one.action in _SHOWN or one.action is _A.ACTION_DENIED]
    if not told:
        return Section(Heading.APPROVALS, (Passage((Fact("Nobody was asked.", (account.latest,)),)),))
    rows = tuple(_row(one, mine) for one in told)
    terms = tuple(term for term in (Term.STEP_UP, Term.APPROVE, Term.TWO_PERSON) if term.word in _gates(told))
    return Section(Heading.APPROVALS, (Table(_COLUMNS, rows), Glossary(terms)))


def _gates(found: list[Entry]) -> set[str]:
    return {str(one.told("gate")) for one in found}


def _row(entry: Entry, mine: list[Entry]) -> Row:
    strength, shown = _strength(entry, mine)
    entries = (entry, shown) if shown else (entry,)
    reason = str(entry.told("reason") or "")
    what = _what(entry) if entry.action is not _A.BREAKGLASS_USED else sentence(entry)
    cells = (
        clock(entry.at), who(entry.actor), what, str(entry.told("gate") or ""), strength, str(entry.told("via") or ""),
        reason,
    )  # fmt: skip
    return Row(cells, entries)


def _what(entry: Entry) -> str:
    steps = entry.told("steps")
    on = f" (steps {', '.join(plainly(one) for one in steps)})" if isinstance(steps, list) else ""
    if entry.action is _A.ACTION_DENIED:
        return f"refused: {entry.told('code') or entry.outcome}"
    return f"{entry.outcome}{on}"


def _strength(entry: Entry, mine: list[Entry]) -> tuple[str, Entry | None]:
    """What the person showed, and the entry that tells of it."""
    if entry.action is not _A.APPROVAL_DECIDED or entry.outcome in _BY_ITSELF:
        return "", None
    shown = [
        one
        for one in mine
        if one.action is _A.STEPUP_DECIDED
        and (one.subject, one.actor, one.outcome) == (entry.subject, entry.actor, "accepted")
        and one.seq < entry.seq
    ]
    if not shown:
        return "signed in", None
    how = "in the session" if shown[-1].told("by") == "session" else "by code"
    return f"second factor {how}", shown[-1]
