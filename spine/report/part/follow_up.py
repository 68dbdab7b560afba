"""Follow-ups: what the trail shows should be looked at again."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from spine.approval import ApprovalStatus
from spine.audit import AuditAction
from spine.lease import LeaseState
from spine.report.account import Account
from spine.report.citation import Entry, some
from spine.report.fact import Fact
from spine.report.model import Passage, Section
from spine.report.term import Heading
from spine.report.word import many
from spine.severity import Severity
from spine.span import span
from spine.verdict import Outcome

_A = AuditAction
_WEEKEND = 5


def follow_ups(account: Account) -> Section:
    """Everything to do, most pressing first; where there is nothing, that."""
    found = [*findings(account)] or [Fact("Nothing in the trail asks for more work.", (account.latest,))]
    return Section(Heading.FOLLOW_UPS, (Passage(tuple(found), listed=True),))


def findings(account: Account) -> Iterator[Fact]:
    """The same, as facts."""
    yield from _left_behind(account)
    yield from _break_glass(account)
    yield from _review(account)
    yield from _acknowledged(account)
    yield from _unanswered(account)
    yield from _unverified(account)
    yield from _late(account)
    yield from _undelivered(account)
    yield from _unknown(account)
    yield from _noted(account)
    if account.incident.reopens is not None:
        text = f"Find out why it came back: incident {account.incident.reopens} was the same, and its end did not last."
        yield Fact(text, (account.opened,))


def _left_behind(account: Account) -> Iterator[Fact]:
    for lease in account.leases:
        entries = account.resting(account.about(f"lease:{lease.id}"))
        if lease.state is LeaseState.REVERT_FAILED:
            yield Fact(f"Take {lease.action_key} back by hand: {lease.error or 'it could not be taken back'}.", entries)
    lost = dict.fromkeys(
        name for plan in account.decisions if plan.rollback_plan for name in plan.rollback_plan.irreversible
    )
    ran = [one for one in account.of(_A.ACTION_EXECUTED) if one.told("action") in lost]
    if entries_ran := some(ran):
        names = ", ".join(dict.fromkeys(str(one.told("action")) for one in ran))
        yield Fact(f"Help those it hit: {names} cannot be undone.", entries_ran)


def _break_glass(account: Account) -> Iterator[Fact]:
    for used in account.of(_A.BREAKGLASS_USED):
        words = [one for one in account.about(used.subject) if one.outcome == "ratified"]
        if not words:
            yield Fact("Break-glass was used and nobody else has stood by it: find out why it was needed.", (used,))


def _review(account: Account) -> Iterator[Fact]:
    incident, days = account.incident, account.settings.review_days
    if incident.severity is Severity.CRITICAL and not incident.synthetic:
        since = incident.resolved_at or incident.opened_at
        within = many(days, "working day")
        text = f"Review it by {working_day(since, days):%A %d %B %Y}: a critical incident is within {within}."
        yield Fact(text, (account.first(_A.INCIDENT_CLOSED) or account.opened,))


def _acknowledged(account: Account) -> Iterator[Fact]:
    incident = account.incident
    minutes = account.settings.acknowledge_minutes(incident.severity)
    if minutes is None or incident.synthetic:
        return
    goal, seen = timedelta(minutes=minutes), account.first(_A.INCIDENT_UPDATED, "acknowledged")
    if incident.acknowledged_at is None and account.made_at - incident.opened_at > goal:
        yield Fact(
            f"Nobody ever said that they have it; somebody should within {span(goal)}.",
            (account.opened, account.latest),
        )
    elif incident.acknowledged_at and seen and (took := incident.acknowledged_at - incident.opened_at) > goal:
        yield Fact(
            f"Look at on-call: it was acknowledged after {span(took)}, the goal is {span(goal)}.",
            (account.opened, seen),
        )


def _unanswered(account: Account) -> Iterator[Fact]:
    expired = [one for one in account.of(_A.APPROVAL_DECIDED) if one.outcome == ApprovalStatus.EXPIRED.value]
    if entries := some(expired):
        yield Fact(
            f"{many(len(expired), 'question')} expired without an answer: look at who is asked, and how.", entries
        )


def _unverified(account: Account) -> Iterator[Fact]:
    for one in account.of(_A.VERIFICATION_COMPLETED):
        if one.outcome == Outcome.HARMFUL.value:
            yield Fact(f"The mitigation hurt people: {one.told('because')}. Change the runbook or its bounds.", (one,))
        elif one.outcome == Outcome.INCONCLUSIVE.value:
            yield Fact(f"Verification could not tell: {one.told('because')}. Make the missing events arrive.", (one,))


def _late(account: Account) -> Iterator[Fact]:
    limit = account.settings.late_revert_seconds
    rollbacks = account.of(_A.ROLLBACK_EXECUTED)
    for one in rollbacks:
        if float(one.told("late_seconds") or 0) <= limit:
            continue
        behind = span(timedelta(seconds=float(one.told("late_seconds"))))
        failed = [other for other in rollbacks if other.subject == one.subject and other.outcome == "failed"]
        because = f"; {many(len(failed), 'attempt')} before failed" if failed else ", and nothing tried it before"
        yield Fact(f"{one.told('action')} was taken back {behind} after its end{because}.", (one, *failed[-1:]))


def _undelivered(account: Account) -> Iterator[Fact]:
    lost = [one for one in account.of(_A.NOTIFICATION_SENT) if one.outcome == "failed"]
    if entries := some(lost):
        channels = ", ".join(sorted({str(one.told("channel")) for one in lost}))
        yield Fact(
            f"{many(len(lost), 'message')} could not be delivered by {channels}: `opsspine outbox` shows why.", entries
        )


def _unknown(account: Account) -> Iterator[Fact]:
    gaps: dict[str, Entry] = {}
    for plan in account.decisions:
        entry = account.decided(plan)
        for gap in plan.missing_evidence if entry else ():
            if entry:
                gaps[gap] = entry
    for gap, entry in gaps.items():
        yield Fact(f"Make it knowable: {gap}.", (entry,))


def _noted(account: Account) -> Iterator[Fact]:
    for said, entry in (*account.notes("follow-up"), *account.notes("follow up")):
        yield Fact(said, (entry,))


def working_day(since: datetime, days: int) -> datetime:
    """The day that is `days` working days (Monday to Friday) after `since`."""
    day, left = since, days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _WEEKEND
    return day
