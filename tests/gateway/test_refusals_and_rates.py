"""A flood hides nothing else, names nothing by itself, and is one caller whatever addresses it comes from."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from gateway.ratelimit import _network
from gateway.refusal import Refusals
from store.engine import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _told(database: Database) -> list[tuple[str, int | None]]:
    query = text(
        "select entry::jsonb #>> '{data,detail,reason}', (entry::jsonb #>> '{data,detail,not_recorded_before}')::int"
        " from audit_entries order by seq"
    )
    with database.system() as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def test_a_flood_of_one_kind_hides_no_other(database: Database) -> None:
    counted: list[str] = []
    refusals = Refusals(database, counted.append)
    for k in range(50):
        refusals.record(f"oidc: forged {k}", now=NOW, actor="oidc", subject="GET /")
    refusals.record("stepup.refused", now=NOW, actor="person:ann@example.org", subject="POST /")
    told = _told(database)
    assert len([reason for reason, _ in told if reason.startswith("oidc")]) == 10
    assert told[-1] == ("stepup.refused", None)
    assert set(counted) == {"oidc", "stepup.refused"}, "text from outside is no label"
    refusals.record("oidc: again", now=NOW + timedelta(minutes=2), actor="oidc", subject="GET /")
    assert _told(database)[-1] == ("oidc: again", 40)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("203.0.113.7", "203.0.113.8", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("testclient", "testclient", True),
    ],
)
def test_an_ipv6_caller_is_counted_by_its_network(one: str, other: str, same: bool) -> None:
    assert (_network(one) == _network(other)) is same
