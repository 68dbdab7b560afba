"""Rows in columns are judged as single events are, and files of every format are taken in."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from spine.errors import Refused
from spine.event import Rejection, parse_event
from spine.ids import TenantId
from spine.vocabulary import unusual
from store.bulk import ingest_frame
from store.columnar import REFUSED, FrameCheck
from store.engine import Database
from store.fold import fold
from store.source import Source

ACME = TenantId("acme")
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
TEXT = st.one_of(st.none(), st.just(""), st.sampled_from(["x", "ann\x00", "é\x1b[1m", "y" * 257, "'\",\n\\N"]))
ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from([None, "", "a", "b" * 201, "c\x07", "d é", 'e,"f"']),
        "type": st.sampled_from([None, "", "login_failed", "jwt_accepted", "door_opened", "x\x00y", "other"]),
        "tenant_id": st.sampled_from([None, "", "acme", "globex"]),
        "occurred_at": st.sampled_from(
            [
                None,
                "2026-05-06T07:00:00Z",
                "2026-05-06T09:00:00+02:00",
                "2026-05-06T07:00:00",
                "soon",
                "1999-01-01T00:00:00Z",
                "2026-05-06T08:00:00Z",
            ]
        ),
        "ip": st.sampled_from([None, "", "203.0.113.7", "::ffff:203.0.113.7", "2001:DB8::1", "fe80::1%eth0", "1.2.3"]),
        "user_id": TEXT,
        "user_agent": TEXT,
        "session_id": TEXT,
        "provider": TEXT,
        "resource_tenant_id": TEXT,
        "synthetic": st.sampled_from([None, True, False]),
        "attributes": st.sampled_from(
            [
                None,
                {},
                {"password": "p", "n": 1},
                {"big": "z" * 20_000},
                {"factor": "hope", "asn": "7", "mfa_used": True},
                {"kid": 4, "aud": ["a", "b"], "jwks_age_seconds": -1},
            ]
        ),
        "colour": st.sampled_from([None, "red"]),
        "factor": st.sampled_from([None, "sms", "hope"]),
    }
)


@given(st.lists(ROW, min_size=1, max_size=12))
def test_columns_and_single_events_are_judged_alike(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist([{**row, "attributes": json.dumps(row["attributes"])} for row in rows])
    checked = FrameCheck(tenant=ACME, now=NOW).check(table)
    given_rows = [{k: v for k, v in row.items() if v is not None or k in ("id", "type")} for row in rows]
    singly = [parse_event(row, now=NOW, tenant=ACME) for row in given_rows]
    assert set(checked.refused) == {n for n, one in enumerate(singly) if isinstance(one, Rejection)}
    good = [one.model_dump() for one in singly if not isinstance(one, Rejection)]
    assert [{**row, "attributes": json.loads(row["attributes"])} for row in checked.table.to_pylist()] == good
    events = [one for one in singly if not isinstance(one, Rejection)]
    assert checked.unusual == Counter(odd for one in events for odd in unusual(one.type, one.attributes))


def test_nested_columns_are_attributes_too() -> None:
    rows = [{"id": str(n), "type": "login_failed", "where": {"lat": n}, "tags": ["a", str(n)]} for n in range(3)]
    checked = FrameCheck(tenant=ACME, now=NOW).check(pa.Table.from_pylist(rows))
    stored = [json.loads(text) for text in checked.table["attributes"].to_pylist()]
    assert stored == [{"where": {"lat": n}, "tags": ["a", str(n)]} for n in range(3)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param({"id": None}, "missing_id", id="no id"),
        pytest.param({"ip": "nonsense"}, "bad_ip", id="ip"),
        pytest.param({"occurred_at": NOW + timedelta(hours=1)}, "future", id="future"),
        pytest.param({"occurred_at": NOW - timedelta(days=90)}, "too_old", id="too old"),
        pytest.param({"tenant_id": "globex"}, "wrong_tenant", id="tenant"),
    ],
)
def test_a_pandas_frame_is_stored_but_for_its_bad_rows(database: Database, broken: dict[str, Any], reason: str) -> None:
    rows = [{"id": f"p{n}", "type": "login_failed", "occurred_at": NOW, "ip": "203.0.113.7"} for n in range(5)]
    frame = pd.DataFrame([*rows, {**rows[0], "id": "bad", **broken}])
    report = ingest_frame(database, frame, tenant_id=ACME, now=NOW)
    assert (report.accepted, dict(report.reasons)) == (5, {reason: 1})
    assert report.rejected[0]["index"] == 5
    with database.system() as connection:
        assert fold(connection) == 5


def test_without_a_tenant_each_row_names_its_own(database: Database) -> None:
    frame = pd.DataFrame(
        {"id": ["1", "2", "3"], "type": "login_failed", "tenant_id": ["a", None, "b"], "occurred_at": NOW}
    )
    assert ingest_frame(database, frame, tenant_id=None, now=NOW).accepted == 3
    with database.system() as connection:
        tenants = connection.execute(text("select tenant_id from auth_ops_logs order by 1")).scalars().all()
    assert sorted(tenants) == ["_", "a", "b"]


def test_times_without_a_zone_take_the_one_that_is_given() -> None:
    frame = pa.table({"id": ["1"], "type": ["login_failed"], "occurred_at": pa.array([datetime(2026, 5, 6, 9)])})
    assert FrameCheck(tenant=ACME, now=NOW).check(frame).refused == {0: "bad_time"}
    checked = FrameCheck(tenant=ACME, now=NOW, timezone=ZoneInfo("Europe/Berlin")).check(frame)
    assert checked.table["occurred_at"][0].as_py() == datetime(2026, 5, 6, 7, tzinfo=UTC)


def write(path: Path, format: str) -> Path:
    rows = [
        {
            "id": f"f{n}",
            "type": "login_failed",
            "occurred_at": (NOW - timedelta(seconds=n)).isoformat(),
            "user_id": f"u{n}",
            "ip": "203.0.113.7",
        }
        for n in range(20)
    ]
    if format == "ndjson":
        lines = "".join(json.dumps(row) + "\n" for row in rows) + "{broken\n[1]\n\n"
        with gzip.open(path, "wt") as file:
            file.write(lines)
    elif format == "csv":
        path.write_text(pd.DataFrame(rows).to_csv(index=False) + "too,few\n")
    else:
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(
    ("name", "format", "refused"),
    [("e.ndjson.gz", "ndjson", 2), ("e.csv", "csv", 1), ("e.parquet", "parquet", 0)],
)
def test_files_are_read_whole_and_twice_adds_nothing(
    database: Database, tmp_path: Path, name: str, format: Any, refused: int
) -> None:
    source = Source(path=write(tmp_path / name, format), format=format, now=NOW, tenant=ACME)
    shares: list[float] = []
    first = ingest_frame(database, source.tables(shares.append), tenant_id=ACME, now=NOW)
    again = ingest_frame(database, source.tables(), tenant_id=ACME, now=NOW)
    assert (first.accepted, first.refused, first.reasons["malformed"]) == (20, refused, refused)
    assert (again.accepted, again.duplicate) == (0, 20)
    assert shares[-1] == pytest.approx(1.0)


def test_bytes_that_are_no_utf8_cost_a_character_and_no_row(tmp_path: Path) -> None:
    """In a row of the wrong width, too, which Arrow hands over as text."""
    path = tmp_path / "e.csv"
    path.write_bytes(b"id,type,user_id\ne1,login_failed,J\xf8rg\ne2,\xff,x,one too many\n")
    taken, skipped = list(Source(path=path, format="csv", now=NOW, tenant=ACME).tables())
    assert taken["user_id"].to_pylist() == ["J\ufffdrg"]
    assert skipped[REFUSED].to_pylist() == ["malformed"]


def test_a_file_in_utf16_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("id,type\ne1,login_failed\n", encoding="utf-16")
    with pytest.raises(Refused, match="save it as UTF-8"):
        list(Source(path=path, format="csv", now=NOW, tenant=ACME).tables())


def test_a_file_of_another_format_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "not.parquet"
    path.write_text("Mar 27 13:08:09 host sshd[1]: no parquet\n")
    with pytest.raises(Refused, match="cannot be read as parquet"):
        list(Source(path=path, format="parquet", now=NOW).tables())


def test_the_command_tells_what_it_took_and_fails_when_that_is_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    arguments = ["ingest", str(write(tmp_path / "e.csv", "csv")), "--format", "csv", "--tenant", "acme"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "accepted" in done.output
    assert "malformed" in done.output
    nonsense = tmp_path / "nonsense.ndjson"
    nonsense.write_text("hello\n")
    failed = CliRunner().invoke(app, ["ingest", str(nonsense), "--format", "ndjson"])
    assert failed.exit_code == 1
