"""How long it took: the four numbers of every review."""

from datetime import datetime

from spine.audit import AuditAction
from spine.report.account import Account
from spine.report.citation import Entry, some
from spine.report.fact import Fact, Row
from spine.report.model import Glossary, Section, Table, Tile, Tiles
from spine.report.term import Heading, Term
from spine.report.word import utc
from spine.span import span
from spine.verdict import Outcome

_A = AuditAction
_TERMS = (Term.TTD, Term.TTA, Term.TTM, Term.TTR)


def times(account: Account) -> Section:
    """TTD, TTA, TTM and TTR, what they mean, and how they are computed."""
    measured = [_measured(account, term) for term in _TERMS]
    tiles = tuple(
        Tile(term, Fact(span(until - since) if until else "not yet", some(entries) or (account.latest,)))
        for term, since, until, entries in measured
    )
    rows = tuple(
        Row((term.word, utc(since), utc(until), span(until - since), _since_first(account, until)), entries)
        for term, since, until, found in measured
        if until and (entries := some(found))
    )
    columns = ("", "From", "To", "Took", "Since the first event")
    return Section(Heading.TIMES, (Tiles(tiles), Table(columns, rows), Glossary(_TERMS)))


def _since_first(account: Account, until: datetime) -> str:
    return span(until - account.incident.first_event_at)


def _measured(account: Account, term: Term) -> tuple[Term, datetime, datetime | None, list[Entry]]:
    """Since when, until when (None = it never happened), and the entries that tell of both."""
    incident, opened = account.incident, account.opened
    if term is Term.TTD:
        return term, incident.first_event_at, incident.opened_at, [opened]
    until, entry = {
        Term.TTA: (incident.acknowledged_at, account.first(_A.INCIDENT_UPDATED, "acknowledged")),
        Term.TTM: (incident.mitigated_at, account.first(_A.VERIFICATION_COMPLETED, Outcome.FIXED.value)),
        Term.TTR: (incident.resolved_at, account.first(_A.INCIDENT_CLOSED)),
    }[term]
    if until is None:
        return term, incident.opened_at, None, [account.latest]
    return term, incident.opened_at, until, [opened, entry or account.latest]
