"""A report of a played incident: every sentence rests on the audit trail, and nobody's data is in it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from spine.audit import verify_chain
from spine.errors import Broken
from spine.redact import redact_text
from spine.report.citation import cited
from spine.report.incident import incident_report
from spine.report.model import Report
from spine.report.part.extra import EXTRAS
from spine.report.render import Form, render
from spine.report.term import Heading
from spine.report.word import utc
from store import audit, incidents, leases, rooms
from store.read.account import account
from tasks.leasing import ports_of, tend_leases
from tasks.reporting.ended import due, keep, make


@pytest.fixture
def report(case: Any) -> Callable[[], Report]:
    """report() makes it as things stand."""

    def made() -> Report:
        with case.database.tenant(case.tenant) as connection:
            return incident_report(account(connection, case.incident.id, case.settings.report, now=case.clock.now()))

    return made


def said(report: Report, heading: Heading) -> list[str]:
    """The facts of one section."""
    section = next(one for one in report.sections if one.heading is heading)
    found = Report(
        kind=report.kind, tenant=report.tenant, title=report.title, tone=report.tone, head=(), sections=(section,),
        made_at=report.made_at,
    ).facts[1:]  # fmt: skip
    return [one.text if hasattr(one, "text") else " | ".join(one.cells) for one in found]


def chain_of(case: Any) -> dict[int, str]:
    """Number and hash of every entry of the tenant's chain, which is whole."""
    with case.database.tenant(case.tenant) as connection:
        links = list(audit.links(connection, case.tenant))
        head = audit.head(connection, case.tenant)
    assert verify_chain(links, case.tenant, [head] if head else []) is None
    return {link.seq: link.hash.hex() for link in links}


def test_every_sentence_cites_entries_that_stand_in_the_chain(case: Any, played: Any, report: Any) -> None:
    made, chain = report(), chain_of(played)
    for fact in made.facts:
        assert fact.entries
        assert all(chain[one.seq] == one.hash for one in fact.entries)
        assert all(one.incident_id == played.incident.id for one in fact.entries)
    for form in (Form.MD, Form.HTML):
        marks = cited(re.sub(r"<[^>]+>", "", render(made, form)))
        assert len(marks) >= len(made.facts)
        assert all(chain[seq].startswith(begin) for seq, begin in marks)
    lines = render(made, Form.MD).partition("## Entries cited")[0].splitlines()
    words = ("#", "|---", "`▁", "`█", "- *")
    bare = [
        line
        for line in lines
        if line.strip() and not re.search(r"\[#\d+ [0-9a-f]{6}.*\]( \|)?$", line) and not line.startswith(words)
        and not line.endswith("Entries |")
    ]  # fmt: skip
    assert bare == []
    told = json.loads(render(made, Form.JSON))
    assert {one["seq"]: one["hash"] for one in told["entries"]}.items() <= chain.items()
    facts = re.findall(r'"(?:text|cells)":', json.dumps(told["sections"]))
    assert len(facts) == json.dumps(told["sections"]).count('"entries": [') == len(made.facts) - 1 - len(made.head)


def test_it_tells_what_happened(case: Any, played: Any, report: Any) -> None:
    made = report()
    times = {row.split(" | ")[0]: row.split(" | ")[3] for row in said(made, Heading.TIMES) if " | " in row}
    assert times["TTA"] == "2 min"
    assert set(times) == {"TTD", "TTA", "TTM", "TTR"}
    assert any("captcha.require" in row and "no captcha provider" in row for row in said(made, Heading.DECISION))
    asked = said(made, Heading.APPROVALS)
    assert any("vic@example.org | refused: approval.not_allowed" in row for row in asked)
    assert any("ann@example.org | approved (steps 4) | approve | second factor by code" in row for row in asked)
    flags = said(made, Heading.FLAGS)
    assert any("auth.ipThrottle.enabled | no (version 0) | on" in row and "its base again" in row for row in flags)
    assert "Legitimate success in the same windows" in " ".join(said(made, Heading.VERIFICATION))
    assert any("150 users were concerned" in line for line in said(made, Heading.HARM))
    assert "ask the network team for a better list" in " ".join(said(made, Heading.FOLLOW_UPS))
    assert said(made, Heading.OPEN) == ["None: everything that was in force has been taken back."]
    assert any(row.startswith("Networks (ASNs) | AS64500") for row in said(made, Heading.EXTRAS))
    evidence = said(made, Heading.EVIDENCE)
    assert sum("in the trail" in row for row in evidence) >= len(evidence) - 1
    whole = " ".join(render(made, form) for form in Form)
    night = played.secrets_of_the_night
    assert all(secret not in whole for secret in (night.token, night.victim, night.home))
    assert redact_text(night.token) != night.token
    with case.database.tenant(case.tenant) as connection:
        held = leases.of_incident(connection, case.incident.id)
    assert not any(target in whole for lease in held for target in lease.targets)


def test_while_it_goes_on_it_says_what_is_open(case: Any, report: Any) -> None:
    case.respond()
    made = report()
    assert any("rate_limit.strict | active" in row for row in said(made, Heading.OPEN))
    assert any("Still" in fact.text for fact in made.head)
    assert "not yet" in said(made, Heading.TIMES)
    with case.database.system() as connection:
        assert due(connection, case.settings, case.clock.now()) == []


def test_what_somebody_changed_is_left_out_and_said(case: Any, report: Any) -> None:
    case.respond()
    whole = report()
    decided = next(one for one in whole.entries if one.action.value == "decision.created")
    with case.database.owner() as connection:
        connection.execute(text("update decisions set body = jsonb_set(body, '{steps,0,gate}', '1')"))
    assert any("is not one the trail recorded" in line for line in said(report(), Heading.DECISION))
    with case.database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger all"))
        connection.execute(
            text("update audit_entries set entry = replace(entry, '\"MITIGATE\"', '\"MONITOR\"') where seq = :s"),
            {"s": decided.seq},
        )
        connection.execute(text("alter table audit_entries enable trigger all"))
    made = report()
    assert made.broken == (decided.seq,)
    assert decided.seq not in {one.seq for fact in made.facts for one in fact.entries}
    assert f"#{decided.seq}" in render(made, Form.HTML)
    assert "The audit trail was changed" in render(made, Form.MD)


def test_what_ended_late_says_whether_it_was_tried(case: Any, report: Any) -> None:
    def refuses(*_args: object, **_named: object) -> None:
        raise ConnectionError("the flag store does not answer")

    case.respond()
    case.clock.advance(timedelta(hours=2))
    ports = ports_of(case.settings, clock=case.clock)
    stubborn = SimpleNamespace(spec=ports.actions["rate_limit.strict"].spec, revert=refuses)
    tend_leases(case.database, replace(ports, actions={**ports.actions, "rate_limit.strict": stubborn}))
    case.clock.advance(timedelta(hours=1))
    tend_leases(case.database, ports)
    late = [line for line in said(report(), Heading.FOLLOW_UPS) if "after its end" in line]
    assert any(line.startswith("ip.throttle") and "nothing tried it before" in line for line in late)
    assert any(line.startswith("rate_limit.strict") and "1 attempt before failed" in line for line in late)


def test_the_legal_log_says_what_was_recorded_and_nothing_else(case: Any, report: Any) -> None:
    def row() -> str:
        return next(line for line in said(report(), Heading.EXTRAS) if line.startswith("Legal log"))

    with case.database.system() as connection:
        connection.execute(text("update incidents set kind = 'TENANT_LEAK_RISK'"))
        incident = incidents.get(connection, case.incident.id)
    assert "nobody has recorded since when we are aware" in row()
    case.clock.advance(timedelta(days=1))
    aware = case.clock.now()
    with case.database.system() as connection:
        rooms.counsel(connection, incident, aware=True, told=True, actor="person:ann@example.org", now=aware)
    case.clock.advance(timedelta(hours=3))
    with case.database.system() as connection:
        rooms.counsel(
            connection, incident, says="no notification is due", actor="person:ann@example.org", now=case.clock.now()
        )
    assert f"aware since {utc(aware)}, by ann@example.org; 72 h end at {utc(aware + timedelta(hours=72))}" in row()
    assert f"counsel was told at {utc(aware)}" in row()
    assert "Counsel decided: no notification is due" in row()


def test_an_incident_without_a_trail_has_no_report(case: Any, report: Any) -> None:
    with case.database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger all"))
        connection.execute(text("delete from audit_entries where incident_id is not null"))
        connection.execute(text("alter table audit_entries enable trigger all"))
    with pytest.raises(Broken, match="holds nothing sound about incident"):
        report()


def test_each_type_is_asked_for_its_extras(case: Any, report: Any) -> None:
    for extra in {extra.label: extra for extras in EXTRAS.values() for extra in extras}.values():
        case.note(f"{extra.label.upper()}: forty-two of {extra.label}")
    for kind, extras in EXTRAS.items():
        with case.database.system() as connection:
            connection.execute(text("update incidents set kind = :k"), {"k": kind.value})
        rows = said(report(), Heading.EXTRAS)
        assert len(rows) == len(extras)
        assert all(f"forty-two of {extra.label}" in row for extra, row in zip(extras, rows, strict=True))


def test_it_is_made_once_when_the_incident_has_ended(played: Any) -> None:
    now = played.clock.now()
    with played.database.system() as connection:
        assert due(connection, played.settings, now) == [played.incident.id]
        late = now + timedelta(hours=played.settings.report.catch_up_hours, minutes=1)
        assert due(connection, played.settings, late) == []
    made = make(played.database, played.settings, played.incident.id, now)
    keep(played.database, made, played.incident.id, now)
    with played.database.system() as connection:
        assert due(connection, played.settings, now) == []
        told = connection.execute(
            text("select entry::jsonb #>> '{data,detail,sha256}' from audit_entries where action = 'runbook.run'")
        ).scalar_one()
    assert told == made.sha256
