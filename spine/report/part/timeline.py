"""The timeline: what the trail holds about the incident, in order."""

from itertools import groupby

from spine.audit import AuditAction
from spine.report.account import Account
from spine.report.citation import Entry, some
from spine.report.fact import Row
from spine.report.model import Section, Table
from spine.report.sentence import sentence
from spine.report.term import Heading
from spine.report.word import clock, many, who

_SENT = ("ok", "sent")


def timeline(account: Account) -> Section:
    """One row for each thing that happened; messages that went out one after the other are one row."""
    rows = []
    for quiet, group in groupby(account.trail, key=_delivered):
        found = list(group)
        rows += [_messages(found)] if quiet else [_row(one) for one in found]
    return Section(Heading.TIMELINE, (Table(("When (UTC)", "Who", "What"), tuple(rows)),))


def _delivered(entry: Entry) -> bool:
    return entry.action is AuditAction.NOTIFICATION_SENT and entry.outcome in _SENT


def _row(entry: Entry) -> Row:
    return Row((f"{entry.at:%d %b} {clock(entry.at)}", who(entry.actor), sentence(entry)), (entry,))


def _messages(found: list[Entry]) -> Row:
    channels = ", ".join(sorted({str(one.told("channel")) for one in found}))
    when = f"{found[0].at:%d %b} {clock(found[0].at)}"
    return Row(
        (when, "the relay", f"{many(len(found), 'message')} delivered by {channels}"), some(found) or (found[0],)
    )
