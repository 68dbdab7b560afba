"""Entries of the trail in words: one sentence for each thing that is written down."""

from collections.abc import Callable, Mapping
from typing import Any

from spine.audit import AuditAction
from spine.plain import cut
from spine.report.citation import Entry
from spine.report.word import many, plainly, who

_SAID = 300
_A = AuditAction


def sentence(entry: Entry) -> str:
    """What happened, as the entry tells it."""
    return cut(_TOLD_APART.get(entry.action, _other)(entry), 2 * _SAID)


def _opened(entry: Entry) -> str:
    about = entry.told("class")
    seen = [
        many(int(entry.told(name)), noun, plural)
        for name, noun, plural in (("addresses", "address", "addresses"), ("users", "user", "users"))
        if entry.told(name)
    ]
    told = f"Opened: {entry.told('severity') or 'severity not told'}"
    return told + (f", {str(about).replace('_', ' ')}" if about else "") + (f", {', '.join(seen)}" if seen else "")


def _updated(entry: Entry) -> str:
    said = str(entry.told("said") or "")
    by_hand = {
        "acknowledged": f"{who(entry.actor)} has it",
        "note": f"{who(entry.actor)} noted: “{cut(said, _SAID)}”",
        "commanded": f"{who(entry.actor)} ordered {entry.told('kind')}: {entry.told('reason')}",
        "labelled": f"{who(entry.actor)} says that it was {str(entry.told('outcome')).replace('_', ' ')}",
    }
    if entry.outcome in by_hand:
        return by_hand[entry.outcome]
    if wants := entry.told("wants_ended"):
        return f"{who(entry.actor)} wants {wants} ended ({entry.told('reason')}); it takes a second person"
    if by := entry.told("closed_by"):
        return f"Ended by {who(str(by))}: {entry.told('reason')}"
    if severity := entry.told("severity"):
        return f"Severity is {severity}"
    return said or f"Updated by {who(entry.actor)}: {entry.outcome}"


def _escalated(entry: Entry) -> str:
    return str(entry.told("told") or f"Escalated to people: {entry.told('because') or entry.outcome}")


def _closed(entry: Entry) -> str:
    because = entry.told("because")
    return f"Closed: {because}" if because else "Closed: nothing more of it was seen, while events went on arriving"


def _diagnosed(entry: Entry) -> str:
    return f"Diagnosed: {entry.told('summary') or entry.told('class') or entry.outcome}"


def _decided(entry: Entry) -> str:
    confidence = entry.told("confidence")
    sure = f" at confidence {confidence:.2f}" if isinstance(confidence, float | int) else ""
    steps = ", ".join(str(one) for one in entry.told("steps") or ()) or "no action"
    return f"Decided {entry.told('decision') or 'a plan'}{sure}: {steps}"


def _approval(entry: Entry) -> str:
    reason = entry.told("reason")
    said = str(entry.told("summary") or f"{entry.outcome} by {who(entry.actor)}")
    return said + (f": “{cut(str(reason), _SAID)}”" if reason and str(reason) not in said else "")


def _stepup(entry: Entry) -> str:
    by = "in the session" if entry.told("by") == "session" else "by code"
    if entry.outcome == "accepted":
        return f"{who(entry.actor)} showed a second factor ({by})"
    return f"The second factor of {who(entry.actor)} was not accepted: {entry.outcome}"


def _executed(entry: Entry) -> str:
    targets = entry.told("targets") or ()
    on = f" on {many(len(targets), 'target')}" if targets else ""
    begun = "is being applied" if entry.outcome == "begun" else "is in force"
    return f"{entry.told('action') or entry.subject}{on} {begun}{_params(entry.told('params'))}"


def _denied(entry: Entry) -> str:
    because = entry.told("because")
    why = "; ".join(map(str, because)) if isinstance(because, list) else because or entry.told("code") or entry.outcome
    what = entry.subject.split(":")[-1] if entry.subject.startswith("step:") else entry.subject.partition(":")[0]
    return f"Refused to {who(entry.actor)} ({what}): {why}"


def _flag(entry: Entry) -> str:
    key = entry.subject.partition(":")[2]
    after = entry.after.get("hold") if isinstance(entry.after, dict) and "hold" in entry.after else None
    if isinstance(entry.after, dict) and "hold" in entry.after:
        return f"Flag {key} is held at {after['variant']}" if after else f"Flag {key} is no longer held"
    return f"Flag {key} was changed by {who(entry.actor)}"


def _verified(entry: Entry) -> str:
    return f"Verification: {entry.outcome.replace('_', ' ').lower()}, {entry.told('because') or 'no reason told'}"


def _rolled_back(entry: Entry) -> str:
    reason = f" ({entry.told('reason')})" if entry.told("reason") else ""
    late = entry.told("late_seconds")
    behind = f", {plainly(float(late))} s after its end" if late else ""
    return f"{entry.told('action') or entry.subject} taken back: {entry.outcome}{reason}{behind}"


def _sent(entry: Entry) -> str:
    how = "" if entry.outcome in ("ok", "sent") else f": {entry.outcome}"
    return f"Message {entry.told('topic')} by {entry.told('channel')}{how}"


def _other(entry: Entry) -> str:
    return f"{entry.action.value.replace('.', ' ')} by {who(entry.actor)}: {entry.outcome}"


def _run(entry: Entry) -> str:
    noun = entry.subject.partition(":")[0]
    return f"A report was made of it: {entry.told('sha256')}" if noun == "report" else _other(entry)


def _glass(entry: Entry) -> str:
    return f"{who(entry.actor)} used break-glass"


def _params(params: Any) -> str:
    """Numbers and switches of an action; anything else might name somebody."""
    if not isinstance(params, Mapping):
        return ""
    shown = [f"{name} {plainly(value)}" for name, value in params.items() if isinstance(value, bool | int | float)]
    return f" ({', '.join(shown)})" if shown else ""


_TOLD_APART: dict[AuditAction, Callable[[Entry], str]] = {
    _A.INCIDENT_OPENED: _opened, _A.INCIDENT_UPDATED: _updated, _A.INCIDENT_ESCALATED: _escalated,
    _A.INCIDENT_CLOSED: _closed, _A.DIAGNOSIS_COMPLETED: _diagnosed, _A.DECISION_CREATED: _decided,
    _A.APPROVAL_REQUESTED: _approval, _A.APPROVAL_DECIDED: _approval, _A.STEPUP_DECIDED: _stepup,
    _A.ACTION_EXECUTED: _executed, _A.ACTION_DENIED: _denied, _A.FLAG_CHANGED: _flag,
    _A.VERIFICATION_COMPLETED: _verified, _A.ROLLBACK_EXECUTED: _rolled_back, _A.NOTIFICATION_SENT: _sent,
    _A.BREAKGLASS_USED: _glass, _A.RUNBOOK_RUN: _run,
}  # fmt: skip
