"""Vendors' logs by file, in whatever shape they come, and over HTTP."""

import gzip
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from store.engine import Database
from store.source import FORMATS, Source

NOW = datetime.now(UTC).replace(microsecond=0)


def keycloak(number: int, **changes: Any) -> dict[str, Any]:
    at = int((NOW - timedelta(minutes=number)).timestamp() * 1000)
    made = {"id": f"k{number}", "time": at, "type": "LOGIN_ERROR", "userId": f"u{number}", "ipAddress": "203.0.113.9"}
    return {**made, "realmId": "shop", "error": "invalid_user_credentials", **changes}


RECORDS = [keycloak(1), keycloak(2, type="LOGIN", error=None), keycloak(3, type="CLIENT_INFO"), keycloak(4, time="?")]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS)


@pytest.mark.parametrize(
    ("name", "content", "refused"),
    [
        pytest.param("lines.json", LINES, 1, id="lines"),
        pytest.param("lines.json.gz", LINES, 1, id="gzipped lines"),
        pytest.param("array.json", json.dumps(RECORDS), 1, id="an array in one line"),
        pytest.param("printed.json", json.dumps(RECORDS, indent=2), 1, id="a printed array"),
        pytest.param(
            "objects.json", "[\n" + ",\n".join(json.dumps(r) for r in RECORDS) + "\n]\n", 1, id="line by line"
        ),
        pytest.param("broken.json", "[broken\n" + LINES, 2, id="a broken first line"),
        pytest.param("late.json", LINES + "{broken\n\n", 2, id="a broken last line"),
    ],
)
def test_a_log_is_read_in_every_shape(tmp_path: Path, name: str, content: str, refused: int) -> None:
    path = tmp_path / name
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content)
    source = Source(path=path, format="keycloak", now=NOW)
    shares: list[float] = []
    rows = [row for table in source.tables(shares.append) for row in table.to_pylist()]
    assert [row["id"] for row in rows if not row["_refused"]] == ["keycloak:k1", "keycloak:k2"]
    assert sum(1 for row in rows if row["_refused"]) == refused
    assert source.skipped == {"CLIENT_INFO": 1}
    assert shares[-1] == pytest.approx(1.0)
    list(source.tables())
    assert source.skipped == {"CLIENT_INFO": 1}


def test_one_printed_document_of_a_trail_is_read(tmp_path: Path) -> None:
    record = {
        "eventID": "e1",
        "eventTime": NOW.isoformat(),
        "eventName": "ConsoleLogin",
        "eventSource": "signin.amazonaws.com",
        "userIdentity": {"principalId": "AIDAEXAMPLE"},
        "responseElements": {"ConsoleLogin": "Failure"},
    }
    path = tmp_path / "trail.json"
    path.write_text(json.dumps({"Records": [record]}, indent=1))
    (table,) = Source(path=path, format="cloudtrail", now=NOW).tables()
    assert table.to_pylist()[0]["user_id"] == "AIDAEXAMPLE"


def test_an_empty_file_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.touch()
    assert list(Source(path=path, format="okta", now=NOW).tables()) == []


def test_the_command_takes_them_and_tells_what_it_skipped(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    path = tmp_path / "events.json"
    path.write_text(LINES)
    arguments = ["ingest", str(path), "--format", "keycloak", "--tenant", "acme"]
    for _ in range(2):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        assert "CLIENT_INFO" in done.output
        assert "bad_time" in done.output
    with database.system() as connection:
        stored = connection.execute(text("select tenant_id, type, host(ip) from auth_ops_logs order by id")).all()
    assert stored == [("acme", "login_failed", "203.0.113.9"), ("acme", "login_succeeded", "203.0.113.9")]


def test_a_backtest_replays_them(tmp_path: Path) -> None:
    attack = [keycloak(n, userId=f"victim{n}", time=int(NOW.timestamp() * 1000) + n * 1000) for n in range(60)]
    path, out = tmp_path / "attack.json", tmp_path / "incidents.jsonl"
    path.write_text(json.dumps(attack))
    options = ["--format", "keycloak", "--tenant", "acme", "--history-days", "0"]
    before = signal.getsignal(signal.SIGTERM)
    try:
        done = CliRunner().invoke(app, ["backtest", str(path), "--out", str(out), *options])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done.exit_code == 0, done.output
    incidents = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(one["type"], one["tenant_id"]) for one in incidents] == [("FAILED_LOGINS_SPIKE", "acme")]


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    done = CliRunner().invoke(app, ["ingest", __file__, "--format", "splunk"])
    assert "known are sshd" in f"{done.exception} {done.output}"
    assert {"auth0", "okta", "keycloak", "cloudtrail", "ocsf", "sshd"} <= set(FORMATS)
