"""The head of a report, and its summary."""

from spine.audit import AuditAction
from spine.incident import IncidentStatus
from spine.plan import Verb
from spine.report.account import Account
from spine.report.citation import Entry, some
from spine.report.fact import Fact
from spine.report.model import Passage, Section
from spine.report.sentence import sentence
from spine.report.term import Heading
from spine.report.word import kind_words, many, utc, who
from spine.span import span

_A = AuditAction
_ACTS = (Verb.MITIGATE.value, Verb.CONTAIN.value)


def title(account: Account) -> Fact:
    """What the report is about."""
    incident = account.incident
    about = str(account.counted.told("class") or "").replace("_", " ")
    kind = kind_words(incident.kind) + (f", {about}" if about else "")
    return Fact(f"{'Drill: ' if incident.synthetic else ''}{kind}", (account.opened,))


def head(account: Account) -> tuple[Fact, ...]:
    """The short facts under the title."""
    incident, opened = account.incident, account.opened
    closed = account.first(_A.INCIDENT_CLOSED)
    over = incident.status is IncidentStatus.RESOLVED
    stands = Fact(f"Resolved {utc(incident.resolved_at)}", (closed or account.latest,)) if (
        over and incident.resolved_at
    ) else Fact(f"Still {incident.status.value.replace('_', ' ')}", (account.latest,))  # fmt: skip
    facts = [
        Fact(f"Severity {incident.severity.label}", (account.counted,)),
        Fact(f"Tenant {incident.tenant_id}", (opened,)),
        Fact(f"Incident {incident.id}", (opened,)),
        Fact(f"Began {utc(incident.first_event_at)}", (opened,)),
        Fact(f"Opened {utc(incident.opened_at)}", (opened,)),
        stands,
    ]
    if incident.reopens is not None:
        facts.append(Fact(f"Recurrence of incident {incident.reopens}", (opened,)))
    return tuple(facts)


def summary(account: Account) -> Section:
    """What happened, in a few sentences."""
    facts = [_what(account), *_known(account), *_done(account), _end(account)]
    return Section(Heading.SUMMARY, (Passage(tuple(facts)),))


def _what(account: Account) -> Fact:
    incident = account.incident
    detected = span(incident.opened_at - incident.first_event_at)
    text = (
        f"On {incident.first_event_at:%d %B %Y} at {incident.first_event_at:%H:%M} UTC the first event of this "
        f"incident occurred; {detected} later it was opened as {incident.severity.label}."
    )
    return Fact(text, (account.opened,))


def _known(account: Account) -> list[Fact]:
    """What the last diagnosis made of it."""
    found = account.of(_A.DIAGNOSIS_COMPLETED)
    return [Fact(f"{sentence(found[-1])}.", (found[-1],))] if found else []


def _done(account: Account) -> list[Fact]:
    """What was decided, who agreed, and what came into force."""
    facts = []
    decided = account.of(_A.DECISION_CREATED)
    acting = [one for one in decided if one.told("decision") in _ACTS]
    if decided:
        acted = f", {len(acting)} of them to act" if len(decided) > 1 else ": to act" if acting else ": not to act"
        facts.append(Fact(f"The engine made {many(len(decided), 'decision')}{acted}.", (decided[0], *decided[1:])))
    if yes := some(one for one in account.of(_A.APPROVAL_DECIDED) if one.outcome == "approved"):
        names = ", ".join(dict.fromkeys(who(one.actor) for one in yes))
        facts.append(Fact(f"What needed a person was approved by {names}.", yes))
    if ran := some(one for one in account.of(_A.ACTION_EXECUTED) if one.outcome != "begun"):
        names = ", ".join(dict.fromkeys(str(one.told("action")) for one in ran))
        facts.append(Fact(f"In force came: {names}.", ran))
    return facts


def _end(account: Account) -> Fact:
    incident, closed = account.incident, account.of(_A.INCIDENT_CLOSED)
    if closed and incident.resolved_at:
        took = span(incident.resolved_at - incident.opened_at)
        return Fact(f"It was resolved {took} after its opening. {sentence(closed[-1])}.", (closed[-1],))
    escalated: Entry | None = account.first(_A.INCIDENT_ESCALATED)
    handed = "; people have taken over" if incident.status is IncidentStatus.ESCALATED else ""
    because = (escalated, account.latest) if escalated and handed else (account.latest,)
    return Fact(f"It is not resolved yet: {incident.status.value.replace('_', ' ')}{handed}.", because)
