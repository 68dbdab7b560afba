"""The vocabulary is whole, and what does not fit it is kept and told."""

from collections import Counter
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from spine.attribute import ATTRIBUTES, FIELDS, Problem, ValueType
from spine.event import Event, parse_event
from spine.event_check import OWN_FIELDS
from spine.event_type import EventType
from spine.ids import TenantId
from spine.incident import AUTH_KINDS
from spine.redact import redact
from spine.vocabulary import MORE, TOLD_NAMES, VOCABULARY, Unusual, count_unusual, unusual
from store.bulk import ingest_frame
from store.engine import Database
from store.ingest import ingest_raw

ACME = TenantId("acme")
GOOD = {
    ValueType.TEXT: "x", ValueType.TEXTS: ["x", "y"], ValueType.WHOLE: 200, ValueType.NUMBER: 1.5, ValueType.FLAG: True,
}  # fmt: skip


def test_every_type_is_declared_and_every_incident_reads_a_failure_with_its_success() -> None:
    assert set(VOCABULARY) == set(EventType)
    for kind in AUTH_KINDS:
        mine = {type for type, entry in VOCABULARY.items() if kind in entry.kinds}
        assert any(VOCABULARY[type].against in mine for type in mine), kind


def test_what_stands_against_a_type_speaks_of_the_same_incident() -> None:
    for type, entry in VOCABULARY.items():
        if entry.against is not None:
            assert entry.against is not type
            assert set(entry.kinds) & set(VOCABULARY[entry.against].kinds), type


def test_an_attribute_is_declared_once_and_belongs_to_a_type_its_reader_reads() -> None:
    used = {name for entry in VOCABULARY.values() for name in entry.attributes}
    assert used == set(ATTRIBUTES)
    for attribute in ATTRIBUTES.values():
        readers = {k for entry in VOCABULARY.values() if attribute.name in entry.attributes for k in entry.kinds}
        assert set(attribute.read_by) <= readers, attribute.name


def test_every_field_that_says_something_is_declared_and_is_no_attribute() -> None:
    bookkeeping = {"id", "type", "occurred_at", "tenant_id", "attributes", "synthetic", "drill_id"}
    assert set(FIELDS) == set(Event.model_fields) - bookkeeping
    assert not set(ATTRIBUTES) & OWN_FIELDS


@pytest.mark.parametrize("attribute", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_a_good_value_survives_redaction_and_is_not_told(attribute: Any) -> None:
    for value in attribute.values or [GOOD[attribute.type]]:
        assert redact({attribute.name: value}) == {attribute.name: value}
        assert attribute.problem(value) is None


@pytest.mark.parametrize("attribute", ATTRIBUTES.values(), ids=ATTRIBUTES)
@given(value=st.one_of(st.text(), st.booleans(), st.integers(), st.floats(), st.lists(st.text())))
def test_a_value_of_another_type_is_told(attribute: Any, value: Any) -> None:
    fits = {
        ValueType.TEXT: isinstance(value, str),
        ValueType.TEXTS: isinstance(value, str | list),
        ValueType.WHOLE: type(value) is int,
        ValueType.NUMBER: type(value) in (int, float) and value - value == 0,
        ValueType.FLAG: isinstance(value, bool),
    }
    assert (attribute.problem(value) is Problem.WRONG_TYPE) is not fits[attribute.type]


def test_values_and_bounds_that_are_not_declared_are_told() -> None:
    odd = unusual(EventType.LOGIN_FAILED, {"factor": "hope", "asn": -1, "latitude": 91, "mfa_used": "yes", "colour": 1})
    assert odd == (
        ("unknown_value", "asn"),
        ("unknown_value", "factor"),
        ("unknown_value", "latitude"),
        ("wrong_type", "mfa_used"),
    )
    assert unusual(EventType.JWT_ACCEPTED, {"factor": "hope"}) == ()


def test_both_ways_keep_and_tell_alike(database: Database, now: datetime) -> None:
    rows = [
        {"id": "1", "type": "login_failed", "attributes": {"factor": "hope"}},
        {"id": "2", "type": "door_opened", "attributes": {"factor": "hope"}},
        {"id": "3", "type": "door_opened"},
        {"id": "4", "type": "login_failed", "attributes": {"factor": "sms", "colour": "red"}},
        {"id": "5", "type": "door_opened", "ip": "nonsense"},
    ]
    told = {("unknown_value", "factor"): 1, ("unknown_type", "door_opened"): 2}
    singly = ingest_raw(database, ACME, rows, now=now)
    frame = pd.DataFrame([{**row, "id": f"c{row['id']}", "occurred_at": now} for row in rows])
    columns = ingest_frame(database, frame, tenant_id=ACME, now=now)
    assert (singly.accepted, singly.unusual) == (4, told)
    assert (columns.accepted, columns.unusual) == (4, told)
    with database.system() as connection:
        stored = connection.execute(
            text("select attributes ->> 'original_type', count(*) from auth_ops_logs where type = 'other' group by 1")
        ).all()
        kept = connection.execute(text("select count(*) from auth_ops_logs where attributes ->> 'factor' = 'hope'"))
    assert stored == [("door_opened", 4)]
    assert kept.scalar_one() == 4


def test_a_name_per_event_does_not_grow_the_report_without_end(now: datetime) -> None:
    told: Counter[Unusual] = Counter()
    for number in range(1_000):
        event = parse_event({"id": str(number), "type": f"door_{number}"}, now=now, tenant=ACME)
        count_unusual(told, dict.fromkeys(unusual(event.type, event.attributes), 1))
    assert len(told) == TOLD_NAMES + 1
    assert told["unknown_type", MORE] == 1_000 - TOLD_NAMES
