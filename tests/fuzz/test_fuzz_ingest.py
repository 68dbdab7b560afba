"""Whatever an application or a file brings: rows are taken or rejected with a reason, and nothing else happens."""
# ruff: noqa: PT017 - to be refused and to be taken are both right; what is checked is how

import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.events import _rows
from gateway.problem import Problem
from spine.errors import Refused
from spine.event import Event, parse_event
from spine.event_check import Rejection
from spine.event_type import EventType
from spine.ids import TenantId
from spine.mapper import map_document
from spine.mappers import mappers
from spine.mappers.sshd import first_year_of, sshd_events
from store.columnar import FrameCheck
from store.source import FORMATS, Source

FUZZ = settings.get_profile("fuzz")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHOP = TenantId("shop")
TEXT = st.text(max_size=12) | st.sampled_from(["", "\x00", "\ud800", "x" * 3000, "192.0.2.1", "::1%eth0", "1e400"])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(10**400)
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
FIELDS = ("id", "type", "occurred_at", "user_id", "ip", "country", "user_agent", "session_id", "provider",
          "resource_tenant_id", "attributes", "synthetic", "drill_id", "tenant_id")  # fmt: skip
ROW = st.fixed_dictionaries(
    {}, optional={
        **dict.fromkeys(FIELDS, JSON), "id": st.just("e1") | JSON,
        "type": st.sampled_from([kind.value for kind in EventType]) | JSON,
        "occurred_at": st.sampled_from(
            ["2026-11-22T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", 1e300, float("nan"), -1]
        ) | JSON,
    },
)  # fmt: skip


def nested(deep: int) -> bytes:
    return b"[" * deep + b"]" * deep


@FUZZ
@given(ROW | JSON)
@example({"id": "e", "type": "login_failed", "attributes": {"a": float("inf")}})
@example({"id": "e", "type": "login_failed", "occurred_at": float("nan")})
def test_a_row_becomes_an_event_that_can_be_stored_or_is_rejected(row: Any) -> None:
    found = parse_event(row, now=NOW, tenant=SHOP)
    if isinstance(found, Rejection):
        assert found.reason
        return
    assert isinstance(found, Event)
    assert found.tenant_id == SHOP, "a row never names its own tenant"
    assert found.occurred_at.tzinfo is not None
    stored = json.dumps(found.model_dump(mode="json"), allow_nan=False)
    assert "\\u0000" not in stored
    stored.encode("utf-8")


@FUZZ
@given(
    st.binary(max_size=200) | st.lists(ROW | JSON, max_size=4).map(lambda rows: json.dumps(rows).encode()),
    st.booleans(),
)
@example(nested(200_000), False)
@example(nested(200_000), True)
@example(b"9" * 6000, False)
@example("\ufeff[]".encode("utf-16"), False)
def test_a_body_is_rows_or_a_400(body: bytes, lines: bool) -> None:
    try:
        rows = list(_rows(body, lines))
    except Problem as problem:
        assert problem.status == 400
        return
    for _, row in rows:
        parse_event(row, now=NOW, tenant=SHOP)


@pytest.mark.parametrize("name", sorted(mappers()))
def test_no_record_breaks_a_mapper(name: str) -> None:
    mapper = mappers()[name]
    words = sorted(_words(mapper.events.__globals__))[:400]
    keys = st.sampled_from(words) | TEXT if words else TEXT
    inner = st.recursive(
        SCALAR | keys, lambda one: st.lists(one, max_size=3) | st.dictionaries(keys, one, max_size=5), max_leaves=20
    )

    @FUZZ
    @given(st.dictionaries(keys, inner, max_size=8) | JSON)
    def property_(document: Any) -> None:
        for found in map_document(mapper, document):
            assert isinstance(found, str | Rejection | dict)
            if isinstance(found, dict):
                parse_event(found, now=NOW, tenant=SHOP)

    property_()


def _words(names: dict[str, Any]) -> set[str]:
    """What a mapper's tables and code speak of: names of fields and the vendor's words."""
    found: set[str] = set()
    for value in names.values():
        if isinstance(value, dict):
            found |= {key for key in value if isinstance(key, str)} if len(value) < 300 else set()
        if callable(value) and hasattr(value, "__code__"):
            found |= {part for text in value.__code__.co_consts if isinstance(text, str) for part in text.split(".")}
    return {word for word in found if 0 < len(word) < 40 and "\n" not in word}


SSHD = st.sampled_from([
    "Nov 23 01:02:03 host sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2",
    "Feb 29 01:02:03 host sshd[1]: Accepted publickey for x from ::1 port 1 ssh2",
    "Foo 99 99:99:99 host sshd[1]: Failed password for a from b port c ssh2",
    "Nov 31 00:00:00 h sshd: message repeated 999999999 times: [ Failed password for root from 1.1.1.1 port 2 ssh2]",
])  # fmt: skip


@FUZZ
@given(st.lists(SSHD | st.text(max_size=80), max_size=6))
def test_no_line_breaks_the_reading_of_sshd(lines: list[str]) -> None:
    year = first_year_of(lines, now=NOW)
    for number, raw in enumerate(sshd_events(lines, tenant=SHOP, first_year=year)):
        parse_event(raw, now=NOW, tenant=SHOP)
        if number > 200:
            return  # "message repeated 999999 times" is so many events, one after the other


COLUMN = st.sampled_from([
    pa.array(["a", None, "\ud7ff"]), pa.array([1, None, 2**62]), pa.array([1.5, float("nan"), None]),
    pa.array([True, False, None]), pa.array([b"\xff\xfe", None, b"x"]), pa.array([[1], None, []]),
    pa.array([{"a": 1}, None, {"a": 2}]), pa.array([None, None, None]),
    pa.array([2**62, 0, -(2**62)], pa.timestamp("us", "UTC")), pa.array([0, 1, None], pa.timestamp("s")),
    pa.array([0, 1, None], pa.date32()), pa.array(["a", "b", "a"]).dictionary_encode(),
    pa.array([2**63 - 1, 0, None], pa.timestamp("ns")), pa.array([0, 1, None], pa.time64("us")),
])  # fmt: skip


@FUZZ
@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), COLUMN, min_size=1, max_size=8))
def test_every_row_of_an_arrow_table_is_good_or_refused(columns: dict[str, Any]) -> None:
    try:
        checked = FrameCheck(SHOP, NOW).check(pa.table(columns))
    except Refused as refusal:
        assert refusal.code == "source.columns"
        return
    assert checked.table.num_rows + len(checked.refused) == 3


PARQUET = io.BytesIO()
pyarrow.parquet.write_table(pa.table({"id": ["1", "2"], "type": ["login_failed", "other"]}), PARQUET)
GOOD = b'{"id": "1", "type": "login_failed", "occurred_at": "2026-11-22T00:00:00Z"}\n' * 3


@st.composite
def damaged(draw: Any, whole: bytes) -> bytes:
    """`whole` with some bytes changed, or cut off."""
    body = bytearray(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)
    for _ in range(draw(st.integers(0, 4))):
        if body:
            body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


@pytest.mark.parametrize("format", FORMATS)
@FUZZ
@given(data=st.data())
def test_no_file_breaks_its_reading(format: str, data: st.DataObject, tmp_path: Path) -> None:
    """A file that is not of its format is Refused, one that ends in the middle too; rows are never made up."""
    bodies = damaged(PARQUET.getvalue()) if format == "parquet" else damaged(GOOD) | st.binary(max_size=300)
    body, packed = data.draw(bodies), data.draw(st.booleans()) and format != "parquet"
    if packed:
        body = data.draw(damaged(gzip.compress(body)))
    file = tmp_path / ("events.gz" if packed else "events")
    file.write_bytes(body)
    source = Source(path=file, format=format, now=NOW, tenant=SHOP)
    try:
        for table in source.tables():
            FrameCheck(SHOP, NOW).check(table)
    except Refused as refusal:
        assert refusal.code in ("source.format", "source.columns")
