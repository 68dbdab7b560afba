"""Nothing is stated without an entry of the trail, and nobody who was affected is named."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine.audit import AuditAction, Link, chain, entry, genesis
from spine.errors import Broken
from spine.ids import TenantId
from spine.incident import AUTH_KINDS
from spine.report import fact
from spine.report.citation import Entry, cited, some
from spine.report.fact import Fact, Row, told
from spine.report.mark import citation
from spine.report.part.extra import EXTRAS
from spine.report.part.follow_up import working_day
from spine.report.plot import Plot, sparkline, svg
from spine.report.sentence import sentence

ACME = TenantId("acme")
AT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)


def link(seq: int = 1, action: AuditAction = AuditAction.INCIDENT_UPDATED, **more: Any) -> Link:
    content = entry(
        ACME, action, actor=more.pop("actor", "person:ann@example.org"), at=AT, subject="incident:x", **more
    ).canonical()
    return Link(ACME, seq, genesis(ACME), chain(genesis(ACME), content), content)


def one(seq: int = 1, **more: Any) -> Entry:
    return Entry.of(link(seq, **more))


@pytest.mark.parametrize("entries", [(), None, [], ("#1 abcdef",), ({"seq": 1},)])
def test_a_sentence_without_an_entry_cannot_be_built(entries: Any) -> None:
    with pytest.raises(ValueError, match="names no entry of the audit trail"):
        Fact("The attack ended.", entries)
    with pytest.raises(ValueError, match="names no entry of the audit trail"):
        Row(("The attack", "ended"), entries)


@pytest.mark.parametrize("text", ["", "  ", "\u200b\n"])
def test_a_fact_says_something(text: str) -> None:
    with pytest.raises(ValueError, match="says something"):
        Fact(text, (one(),))


def test_an_entry_that_was_changed_bears_nothing() -> None:
    whole = link(detail={"said": "it is quiet"})
    assert Entry.of(whole).told("said") == "it is quiet"
    with pytest.raises(Broken, match="Entry 1 of the audit trail of tenant acme was changed"):
        Entry.of(replace(whole, canonical=whole.canonical.replace(b"quiet", b"loud!")))


def test_entries_are_cited_once_in_order_and_many_by_first_and_last() -> None:
    entries = [one(seq) for seq in (3, 1, 2, 1)]
    fact = Fact("Three.", some(entries) or (one(),))
    assert [entry.seq for entry in fact.entries] == [1, 2, 3]
    assert cited(citation(fact.entries)) == [(entry.seq, entry.hash[:6]) for entry in fact.entries]
    many = Fact("Forty.", some(one(seq) for seq in range(1, 41)) or (one(),))
    assert "40 entries" in citation(many.entries)
    assert [seq for seq, _ in cited(citation(many.entries))] == [1, 40]
    assert some([]) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from 203.0.113.7 and 2001:db8::1", "from [address] and [address]"),
        ("203.0.113.0/24 was throttled", "[address] was throttled"),
        ("dora@victims.example.net called", "[e-mail] called"),
        ("ann@example.org has it", "ann@example.org has it"),
        ("at 03:04:05 UTC, version 1.2.3", "at 03:04:05 UTC, version 1.2.3"),
        ("password=hunter2hunter2", "password=[redacted value]"),
    ],
)
def test_only_who_acted_is_named(text: str, shown: str) -> None:
    assert Fact(text, (one(),)).text == shown


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60), st.ip_addresses(), st.emails())
def test_no_address_of_anybody_survives(before: str, address: Any, mail: str) -> None:
    assert str(address) not in told(f"{before} {address} tried")
    assert "victim-7@example.net" not in told(f"{before} victim-7@example.net {mail}")


_PLAIN_MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
"""What an address is, said plainly; on long texts its steps grow with the square."""


@settings(deadline=None, max_examples=500)
@given(st.one_of(st.text("aZ9é.+%-_@ ,", max_size=30), st.text(max_size=30)))
def test_addresses_are_found_as_the_plain_pattern_finds_them(text: str) -> None:
    found = [one[0] for one in fact._MAIL.finditer(text) if one["domain"]]
    assert found == _PLAIN_MAIL.findall(text)


def test_no_repetition_in_the_pattern_gives_anything_back() -> None:
    repeats = re.findall(r"(?<=[\])])[+*?}]\+?", fact._MAIL.pattern)
    assert len(repeats) == 5
    assert all(one.endswith("+") and len(one) == 2 for one in repeats)


@pytest.mark.parametrize("unit", ["a", "a.", "a@", "a@b", "a@b.", "-@-", "@", "a@b.c "])
def test_a_text_made_to_hold_a_report_up_is_told_cut(unit: str) -> None:
    hostile = (unit * 200_000)[:200_000]
    shown = told(f"{hostile} victim-7@example.net")
    assert len(shown) <= 1_200
    assert "[cut, " in shown
    assert "a@b.c" not in shown


def test_half_of_an_address_is_an_address_too() -> None:
    for length in range(1_100, 1_210):
        assert "victim" not in told(f"{'x ' * (length // 2)}victim-7@victims.example.net {'y' * 200}")


@pytest.mark.parametrize("action", AuditAction)
def test_every_kind_of_entry_has_its_sentence(action: AuditAction) -> None:
    assert sentence(one(action=action)).strip()
    assert sentence(one(action=action, detail={"told": None}, after={"status": "x"}, outcome="odd")).strip()


def test_every_type_has_its_extras() -> None:
    assert set(EXTRAS) == set(AUTH_KINDS)
    labels = [extra.label for extras in EXTRAS.values() for extra in extras]
    assert all(label == label.lower() and ":" not in label for label in labels)


def test_a_critical_incident_of_a_thursday_is_reviewed_by_the_thursday_after() -> None:
    assert working_day(datetime(2026, 3, 5, tzinfo=UTC), 5) == datetime(2026, 3, 12, tzinfo=UTC)


def test_a_drawing_holds_no_markup_of_others_and_says_what_it_shows() -> None:
    plot = Plot(title="<b>Failures", unit="", labels=("03:00", "<i>"), values=(12.0, None), limit=10)
    drawn = svg(plot)
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "03:00 12" in drawn
    assert "none" in drawn
    assert drawn.count('class="bar over"') == 1
    assert sparkline(plot)[1] == "·"
