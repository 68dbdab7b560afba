"""sshd's syslog lines become events: who, from where, how often, and in which year."""

import csv
import gzip
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from spine.ids import TenantId
from spine.mappers.sshd import first_year_of, sshd_events

HOST = TenantId("host")


def parse(*lines: str, year: int = 2026, **options: Any) -> list[dict[str, Any]]:
    return list(sshd_events(lines, tenant=HOST, first_year=year, **options))


def line(message: str, stamp: str = "Mar  1 10:00:00", program: str = "sshd[77]") -> str:
    return f"{stamp} web1 {program}: {message}\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "Failed password for root from 203.0.113.9 port 5 ssh2",
            ("login_failed", "root", "203.0.113.9", "password"),
            id="failed",
        ),
        pytest.param(
            "Accepted publickey for ann from 2001:db8::7 port 5 ssh2: RSA SHA256:x",
            ("login_succeeded", "ann", "2001:db8::7", "publickey"),
            id="key",
        ),
        pytest.param(
            "Accepted password for ann from 203.0.113.9 port 5 ssh2",
            ("login_succeeded", "ann", "203.0.113.9", "password"),
            id="accepted",
        ),
        pytest.param(
            "Failed password for invalid user  from 203.0.113.9 port 5 ssh2",
            ("login_failed", "", "203.0.113.9", "password"),
            id="empty user",
        ),
        pytest.param(
            "Failed password for invalid user x from 1.1.1.1 port 1 ssh2 from 203.0.113.9 port 5 ssh2",
            ("login_failed", "x from 1.1.1.1 port 1 ssh2", "203.0.113.9", "password"),
            id="blame laid on another",
        ),
        pytest.param(
            "Failed keyboard-interactive/pam for bob from UNKNOWN port 5 ssh2",
            ("login_failed", "bob", None, "keyboard-interactive/pam"),
            id="no address",
        ),
    ],
)
def test_attempts_are_understood(message: str, expected: tuple[str, ...]) -> None:
    (event,) = parse(line(message))
    assert (event["type"], event["user_id"], event["ip"], event["provider"]) == expected


@pytest.mark.parametrize(
    "message",
    [
        "Invalid user x from 203.0.113.9",
        "Failed none for x from 203.0.113.9 port 5 ssh2",
        "Connection closed by 203.0.113.9",
        "pam_unix(sshd:auth): check pass; user unknown",
        "message repeated 3 times: [ Connection closed ]",
    ],
)
def test_what_is_no_attempt_gives_nothing(message: str) -> None:
    assert parse(line(message)) == []
    assert parse(line("Failed password for root from 203.0.113.9 port 5 ssh2", program="sudo[1]")) == []


def test_a_repeated_message_counts_n_times_with_different_ids() -> None:
    failed = "Failed password for root from 203.0.113.9 port 5 ssh2"
    events = parse(line(failed), line(f"message repeated 5 times: [ {failed}]", "Mar  1 10:00:12"))
    assert len(events) == 6
    assert len({e["id"] for e in events}) == 6


def test_equal_lines_of_one_second_differ_and_reading_again_gives_the_same_ids() -> None:
    failed = line("Failed password for root from 203.0.113.9 port 5 ssh2")
    first = [e["id"] for e in parse(failed, failed)]
    longer = [e["id"] for e in parse(failed, failed, failed)]
    assert len(set(longer)) == 3
    assert longer[:2] == first


def test_new_year_and_lines_out_of_order_around_it() -> None:
    failed = "Failed password for root from 203.0.113.9 port 5 ssh2"
    stamps = ["Dec 31 23:59:58", "Jan  1 00:00:01", "Dec 31 23:59:59", "Jan  1 00:00:02", "Jun  1 00:00:00"]
    lines = [line(failed, stamp) for stamp in stamps]
    assert [e["occurred_at"].year for e in parse(*lines, year=2025)] == [2025, 2026, 2025, 2026, 2026]
    assert first_year_of(lines, now=datetime(2026, 6, 2, tzinfo=UTC)) == 2025
    assert first_year_of(lines, now=datetime(2026, 5, 2, tzinfo=UTC)) == 2024


@pytest.mark.parametrize(
    ("last", "now", "year"),
    [
        pytest.param("Mar  1 10:00:00", "2026-03-02T00:00:00+00:00", 2026, id="this year"),
        pytest.param("Mar  1 10:00:00", "2026-02-01T00:00:00+00:00", 2025, id="last year"),
        pytest.param("Feb 29 10:00:00", "2026-06-01T00:00:00+00:00", 2024, id="leap day"),
        pytest.param("Jan  1 00:30:00", "2025-12-31T23:45:00+00:00", 2026, id="host east of UTC"),
    ],
)
def test_the_year_is_the_latest_possible(last: str, now: str, year: int) -> None:
    lines = [line("Failed password for root from 203.0.113.9 port 5 ssh2", last)]
    assert first_year_of(lines, now=datetime.fromisoformat(now), timezone=ZoneInfo("Europe/Berlin")) == year


def test_times_are_of_the_hosts_zone_unless_they_say_theirs() -> None:
    failed = "Failed password for root from 203.0.113.9 port 5 ssh2"
    berlin = ZoneInfo("Europe/Berlin")
    local, own = parse(line(failed, "Jul  1 10:00:00"), line(failed, "2026-07-01T10:00:00.5+05:00"), timezone=berlin)
    assert local["occurred_at"] == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert own["occurred_at"] == datetime(2026, 7, 1, 5, 0, 0, 500_000, tzinfo=UTC)


def test_a_real_log_gives_exactly_the_known_attempts(public_data: Path) -> None:
    with (public_data / "sshd_auth.log").open(errors="replace") as log:
        events = list(sshd_events(log, tenant=HOST, first_year=2017))
    with gzip.open(public_data / "ssh_elastic_auth.csv.gz", "rt") as truth:
        rows = [row for row in csv.DictReader(truth) if row["outcome"] in ("fail", "success")]
    outcome = {"login_failed": "fail", "login_succeeded": "success"}
    found = Counter(
        (e["occurred_at"].strftime("%Y-%m-%dT%H:%M:%S"), e["ip"], e["user_id"], outcome[e["type"]])
        for e in events
        if (e["provider"], e["type"]) != ("publickey", "login_failed")  # the truth leaves refused keys out
    )
    known = Counter((row["ts"], row["src_ip"], row["user"], row["outcome"]) for row in rows)
    assert sum(found.values()) == len(rows)
    assert found == known
