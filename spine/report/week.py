"""The weekly summary: what opened, how fast it was dealt with compared with the weeks before, and what is left."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from spine.audit import AuditAction
from spine.incident import AUTH_KINDS, Incident, IncidentKind
from spine.outcome import Outcome
from spine.report.citation import Entry, some
from spine.report.fact import Fact, Row
from spine.report.model import Block, Figure, Glossary, Passage, Report, Section, Table, Tile, Tiles
from spine.report.part.follow_up import findings
from spine.report.plot import Plot
from spine.report.term import Heading, Term
from spine.report.weeks import WEEK, Mean, Weeks, mean, took
from spine.report.word import kind_words, many, utc
from spine.severity import Severity
from spine.span import span

_A = AuditAction
_TERMS = (Term.TTD, Term.TTA, Term.TTM, Term.TTR)
_SOON = timedelta(days=7)


def week_report(weeks: Weeks) -> Report:
    """The summary of the week that ended when it was read."""
    since = weeks.starts[-1]
    title = Fact(f"{since:%d %B} to {weeks.made_at:%d %B %Y}", (weeks.latest,))
    parts = (_week, _trends, _openings, _false_alarms, _waiting, _drills, _follow_ups)
    mine = weeks.opened_in(since)
    head = (Fact(many(len(mine), "incident"), _opened(weeks, mine)), Fact(f"Tenant {weeks.tenant}", (weeks.latest,)))
    return Report(
        kind="week", tenant=weeks.tenant, title=title, tone=Severity.INFO.label, head=head,
        sections=tuple(part(weeks) for part in parts), made_at=weeks.made_at, broken=weeks.broken,
    )  # fmt: skip


def _opened(weeks: Weeks, incidents: tuple[Incident, ...]) -> tuple[Entry, *tuple[Entry, ...]]:
    return weeks.resting(weeks.about(incidents, _A.INCIDENT_OPENED))


def _week(weeks: Weeks) -> Section:
    mine, before = weeks.opened_in(weeks.starts[-1]), weeks.opened_in(weeks.starts[-2])
    worst = [one for one in Severity if any(incident.severity is one for incident in mine)]
    by_severity = ", ".join(
        f"{sum(incident.severity is one for incident in mine)} {one.label}" for one in reversed(worst)
    )
    told = f"{many(len(mine), 'incident')} opened{f': {by_severity}' if mine else ''}; {len(before)} the week before."
    tiles = tuple(_tile(weeks, mine, term) for term in _TERMS)
    facts = (Fact(told, _opened(weeks, (*before, *mine))),)
    return Section(Heading.WEEK, (Passage(facts), Tiles(tiles), Glossary((*_TERMS, Term.MEAN))))


def _tile(weeks: Weeks, mine: tuple[Incident, ...], term: Term) -> Tile:
    found = mean(weeks, mine, term)
    return Tile(term, Fact(_length(found), weeks.resting(found.entries)))


def _length(found: Mean) -> str:
    return "none" if found.seconds is None else span(timedelta(seconds=round(found.seconds)))


def _trends(weeks: Weeks) -> Section:
    blocks: list[Block] = [_figure(weeks, term) for term in _TERMS]
    for kind in IncidentKind:
        if any(one.kind is kind for one in weeks.incidents):
            blocks += _trend(weeks, kind)
    if not weeks.incidents:
        nothing = f"Nothing opened within {many(len(weeks.starts), 'week')}."
        blocks = [Passage((Fact(nothing, (weeks.latest,)),))]
    return Section(Heading.TRENDS, tuple(blocks))


def _label(start: datetime) -> str:
    return f"{start:%d %b}"


def _figure(weeks: Weeks, term: Term) -> Figure:
    means = [mean(weeks, weeks.opened_in(start), term) for start in weeks.starts]
    values = tuple(None if one.seconds is None else one.seconds / 60 for one in means)
    plot = Plot(
        title=f"Mean {term.word} in minutes", unit="min", labels=tuple(map(_label, weeks.starts)), values=values,
        line=True,
    )  # fmt: skip
    text = f"Mean {term.word} in minutes, by the week in which incidents opened; {_length(means[-1])} in the last one."
    return Figure(Fact(text, weeks.resting([entry for one in means for entry in one.entries])), plot)


def _trend(weeks: Weeks, kind: IncidentKind) -> Iterator[Block]:
    """One kind: how many opened in each week, and how long they took."""
    mine = tuple(one for one in weeks.incidents if one.kind is kind)
    text = f"{kind_words(kind)}: {many(len(mine), 'incident')} in {many(len(weeks.starts), 'week')}."
    yield Passage((Fact(text, _opened(weeks, mine)),))
    by_week = [weeks.opened_in(start, kind) for start in weeks.starts]
    rows = [Row(("Opened", *(f"{len(found) or ''}" for found in by_week)), _opened(weeks, mine))]
    for term in _TERMS:
        means = [mean(weeks, found, term) for found in by_week]
        cells = ("" if one.seconds is None else _length(one) for one in means)
        rows.append(Row((f"Mean {term.word}", *cells), weeks.resting([e for one in means for e in one.entries])))
    yield Table(("", *map(_label, weeks.starts)), tuple(rows))


def _openings(weeks: Weeks) -> Section:
    mine = weeks.opened_in(weeks.starts[-1])
    if not mine:
        return Section(Heading.OPENINGS, (Passage((Fact("Nothing opened.", (weeks.latest,)),)),))
    columns = ("Opened", "Incident", "Type", "Severity", "Stands", "Resolved after")
    return Section(Heading.OPENINGS, (Table(columns, tuple(_opening(weeks, one) for one in mine)),))


def _opening(weeks: Weeks, incident: Incident) -> Row:
    length = took(incident, Term.TTR)
    cells = (
        utc(incident.opened_at), str(incident.id)[:8], kind_words(incident.kind), incident.severity.label,
        incident.status.value.replace("_", " "), span(length) if length is not None else "",
    )  # fmt: skip
    closed = weeks.about([incident], _A.INCIDENT_CLOSED)
    return Row(cells, weeks.resting([*weeks.about([incident], _A.INCIDENT_OPENED), *closed]))


def _false_alarms(weeks: Weeks) -> Section:
    """Those of the week of which the last word was that nothing had happened."""
    words: dict[object, Entry] = {}
    for one in weeks.trail:
        if one.action is _A.INCIDENT_UPDATED and one.outcome == "labelled":
            words[one.incident_id] = one
    mine = weeks.opened_in(weeks.starts[-1])
    labelled = [words[one.id] for one in mine if one.id in words]
    false = some(one for one in labelled if one.told("outcome") == Outcome.FALSE_ALARM.value)
    said = f"{len(labelled)} of {many(len(mine), 'incident')} were labelled"
    if false is None:
        text = f"None is known: {said}, and none of them as a false alarm."
        return Section(Heading.FALSE_ALARMS, (Passage((Fact(text, weeks.resting(labelled)),)),))
    told = Fact(f"{many(len(false), 'false alarm')}: {said}.", weeks.resting(labelled))
    rows = tuple(Row((str(one.incident_id)[:8], utc(one.at), one.actor), (one,)) for one in false)
    table = Table(("Incident", "Labelled", "By"), rows)
    return Section(Heading.FALSE_ALARMS, (Passage((told,)), table, Glossary((Term.FALSE_ALARM,))))


def _waiting(weeks: Weeks) -> Section:
    """The questions that waited longest for people, answered or not."""
    waits = sorted(
        (((one.decided_at or weeks.made_at) - one.requested_at, one) for one in weeks.approvals),
        key=lambda pair: (-pair[0], str(pair[1].id)),
    )
    rows = []
    for wait, one in waits:
        entries = some(entry for entry in weeks.trail if entry.subject == f"approval:{one.id}")
        if entries is not None:
            about = str(one.incident_id)[:8]
            rows.append(Row((utc(one.requested_at), about, one.gate.label, one.status.value, span(wait)), entries))
    if not rows:
        return Section(Heading.WAITING, (Passage((Fact("Nobody was asked about an incident.", (weeks.latest,)),)),))
    columns = ("Asked", "Incident", "Gate", "Became", "Waited")
    return Section(Heading.WAITING, (Table(columns, tuple(rows[: weeks.settings.waiting_rows])),))


def _drills(weeks: Weeks) -> Section:
    """What should be rehearsed within the coming week, and what has never been."""
    by_kind = {one.kind: one for one in weeks.rehearsed}
    rows = []
    for kind in AUTH_KINDS:
        run = by_kind.get(kind)
        if run is None:
            rows.append(Row((kind_words(kind), "never here", "now"), (weeks.latest,)))
            continue
        due = run.at + timedelta(days=weeks.fresh_days)
        if due <= weeks.made_at + _SOON:
            rows.append(Row((kind_words(kind), f"{run.at:%Y-%m-%d}", f"{due:%Y-%m-%d}"), (run.entry or weeks.latest,)))
    if rows:
        return Section(Heading.DRILLS, (Table(("Runbook", "Last passed", "Due"), tuple(rows)),))
    entries = some(one.entry for one in weeks.rehearsed if one.entry) or (weeks.latest,)
    text = "Every runbook was rehearsed; none is due within a week."
    return Section(Heading.DRILLS, (Passage((Fact(text, entries),)),))


def _follow_ups(weeks: Weeks) -> Section:
    """The first ones of the week's incidents, the worst incident first."""
    worst = sorted(weeks.accounts, key=lambda one: (-one.incident.severity, one.incident.opened_at))
    found = [
        Fact(f"{kind_words(one.incident.kind)} {str(one.incident.id)[:8]}: {fact.text}", fact.entries)
        for one in worst
        for fact in findings(one)
    ]
    facts = tuple(found[: weeks.settings.follow_up_rows]) or (
        Fact("Nothing in the trail asks for more work.", (weeks.latest,)),
    )
    return Section(Heading.FOLLOW_UPS, (Passage(facts, listed=True),))


def headline(weeks: Weeks) -> str:
    """The week in one sentence, for a message."""
    mine = weeks.opened_in(weeks.starts[-1])
    times = ", ".join(f"M{term.word} {_length(mean(weeks, mine, term))}" for term in _TERMS)
    return (
        f"{many(len(mine), 'incident')} opened between {utc(weeks.made_at - WEEK)} and {utc(weeks.made_at)}; {times}."
    )
