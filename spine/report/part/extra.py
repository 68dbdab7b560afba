"""What each type's report is asked for beyond the common. Source: RUNBOOKS 2, "Extras".

What the trail or the evidence holds is taken from there. What only people know is taken from their notes: a note
"tickets: 42" fills the row "Tickets". A row nobody filled says so, and how to fill it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from spine.audit import AuditAction
from spine.incident import IncidentKind
from spine.report.account import Account
from spine.report.citation import Entries, some
from spine.report.fact import Fact, Row
from spine.report.model import Passage, Section, Table
from spine.report.sentence import sentence
from spine.report.term import Heading
from spine.report.word import many, plainly, utc, who
from spine.span import span

Found = tuple[str, Entries] | None
_BREACH_HOURS = 72
"""Source: GDPR Art. 33."""
_K = IncidentKind


@dataclass(frozen=True, slots=True)
class Extra:
    """One row: what is asked, the label of the notes that answer it, and what may know it without people."""

    asked: str
    label: str
    known: Callable[[Account], Found] = lambda _: None


def extras(account: Account) -> Section:
    """The rows of the incident's type."""
    wanted = EXTRAS.get(account.incident.kind, ())
    if not wanted:
        nothing = Fact("This type is asked for nothing beyond the rest of the report.", (account.opened,))
        return Section(Heading.EXTRAS, (Passage((nothing,)),))
    return Section(Heading.EXTRAS, (Table(("Asked", "Answer"), tuple(_row(account, one) for one in wanted)),))


def _row(account: Account, extra: Extra) -> Row:
    noted = account.notes(extra.label)
    known = extra.known(account)
    if not noted and known is None:
        hint = f"Not recorded so far. To fill it in, note “{extra.label}: …” at the incident."
        return Row((extra.asked, hint), (account.latest,))
    said = [known[0]] if known else []
    entries = [*(known[1] if known else ()), *(entry for _, entry in noted)]
    return Row((extra.asked, "; ".join([*said, *(text for text, _ in noted)])), some(entries) or (account.latest,))


def _told(name: str, noun: str = "", plural: str = "") -> Callable[[Account], Found]:
    """What the latest entry with counts says under `name`."""

    def known(account: Account) -> Found:
        value = account.counted.told(name)
        if value is None:
            return None
        text = many(int(value), noun, plural) if noun else plainly(value).replace("_", " ")
        return text, (account.counted,)

    return known


def _observed(*names: str) -> Callable[[Account], Found]:
    """Numbers of these names in the evidence, the highest of each."""

    def known(account: Account) -> Found:
        best: dict[str, tuple[float, int]] = {}
        for index, receipt in enumerate(account.receipts):
            for name in names:
                value = receipt.observed.get(name) if receipt.sound else None
                if value is not None and value >= best.get(name, (value, 0))[0]:
                    best[name] = (value, index)
        entries = some(account.witness(account.receipts[index])[0] for _, index in best.values())
        text = "; ".join(f"{name.replace('_', ' ')} {plainly(value)}" for name, (value, _) in best.items())
        return (text, entries) if entries else None

    return known


def _checks(source: str) -> Callable[[Account], Found]:
    """What a diagnostic said, check by check."""

    def known(account: Account) -> Found:
        answers = [one for one in account.receipts if one.source.endswith(source) and one.sound]
        said = [str(check.get("because", "")) for one in answers[-1:] for check in one.body.get("checks", ())]
        entries = some(account.witness(one)[0] for one in answers[-1:])
        return ("; ".join(said), entries) if entries and said else None

    return known


def _actions(*prefixes: str) -> Callable[[Account], Found]:
    """What was done, and taken back, by actions that begin so."""

    def known(account: Account) -> Found:
        done = account.of(AuditAction.ACTION_EXECUTED, AuditAction.ROLLBACK_EXECUTED)
        mine = [one for one in done if str(one.told("action") or "").startswith(prefixes)]
        entries = some(mine)
        return ("; ".join(f"{one.at:%H:%M:%S} {sentence(one)}" for one in mine), entries) if entries else None

    return known


def _exposure(account: Account) -> Found:
    """From the first event to the verification that found it fixed, or to the end."""
    incident = account.incident
    until = incident.mitigated_at or incident.resolved_at
    if until is None:
        return f"open since {utc(incident.first_event_at)}", (account.opened, account.latest)
    entries = account.of(AuditAction.VERIFICATION_COMPLETED, AuditAction.INCIDENT_CLOSED)
    window = f"{utc(incident.first_event_at)} to {utc(until)}, {span(until - incident.first_event_at)}"
    return window, (account.opened, *entries[:1])


def _legal(account: Account) -> Found:
    """What people recorded of counsel, and when the 72 hours since they became aware end."""
    noted = {one.told("counsel"): one for one in account.of(AuditAction.INCIDENT_UPDATED) if one.told("counsel")}
    said = []
    if aware := noted.get("aware"):
        end = aware.at + timedelta(hours=_BREACH_HOURS)
        said.append(f"aware since {utc(aware.at)}, by {who(aware.actor)}; {_BREACH_HOURS} h end at {utc(end)}")
    else:
        key = str(account.incident.id)[:8]
        said.append(f"nobody has recorded since when we are aware (`opsspine escalation counsel {key} --aware`)")
    if told := noted.get("told"):
        said.append(f"counsel was told at {utc(told.at)}")
    if decided := noted.get("decided"):
        said.append(str(decided.told("told")))
    return "; ".join(said), some(noted.values()) or (account.latest,)


def _attested(account: Account) -> Found:
    """Words of a second person: approvals and ratifications."""
    words = [one for one in account.of(AuditAction.APPROVAL_DECIDED) if one.outcome in ("approved", "ratified")]
    entries = some(words)
    return ("; ".join(sentence(one) for one in words), entries) if entries else None


EXTRAS: dict[IncidentKind, Sequence[Extra]] = {
    _K.FAILED_LOGINS_SPIKE: (
        Extra("Class of attack", "class", _told("class")),
        Extra("Attacking addresses", "addresses", _told("addresses", "address", "addresses")),
        Extra("Networks (ASNs)", "asns"),
        Extra("Compromised users", "compromised users", _told("compromised", "user")),
    ),
    _K.PASSWORD_RESET_FAILURES: (
        Extra("Mails lost in queues", "queue loss", _actions("email.")),
        Extra("Time people were locked out", "lockout time", _exposure),
        Extra("Tickets", "tickets"),
    ),
    _K.OAUTH_CALLBACK_ERRORS: (
        Extra("Sign-ups lost", "lost sign-ups", _observed("failures", "users")),
        Extra("Correlation ids of the provider", "correlation ids", _observed("providers")),
    ),
    _K.JWT_VALIDATION_ERRORS: (
        Extra("What was done to which key, when", "kid timeline", _actions("jwt.", "jwks.")),
        Extra("Ages of key caches", "cache ages", _checks("jwks_comparison")),
        Extra("Exposure", "exposure", _exposure),
    ),
    _K.TENANT_LEAK_RISK: (
        Extra("Classes of data", "data classes"),
        Extra("Records", "records", _observed("allowed", "violations", "foreign_tenants")),
        Extra("Proof that data left, or did not", "exfiltration"),
        Extra("Legal log", "legal", _legal),
    ),
    _K.SESSION_ANOMALIES: (
        Extra("Lineage of sessions and tokens", "lineage", _observed("sessions", "devices", "addresses", "reuses")),
        Extra("Resources that were accessed", "resources"),
    ),
    _K.SUSPICIOUS_ADMIN_LOGIN: (
        Extra("Difference of privileges", "privileges", _observed("changes", "deleted", "acted")),
        Extra("Attestation by a second person", "attestation", _attested),
    ),
    _K.EMAIL_VERIFICATION_FAILURES: (
        Extra("Blocked cohort", "blocked cohort", _observed("failures", "share_of_users", "users")),
    ),
}
"""By type; the label is what a note begins with, in any case."""
