"""API keys: made and ended only together with their entry in the audit trail."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from spine.ids import TenantId
from store.engine import Database
from store.keys import add_key, find_key, revoke_key

ACME, NOW = TenantId("acme"), datetime(2026, 3, 1, 12, tzinfo=UTC)


def audited(database: Database) -> list[dict[str, Any]]:
    with database.system() as connection:
        rows = connection.execute(text("select entry from audit_entries order by seq"))
        return [json.loads(row.entry)["data"] for row in rows]


def test_making_and_ending_a_key_is_audited_without_its_secret(database: Database) -> None:
    with database.system() as connection:
        _, secret = add_key(connection, ACME, "shop", ["events:write"], now=NOW, actor="cli:ada")
        assert revoke_key(connection, ACME, "shop", now=NOW, actor="cli:ada") == 1
    made, ended = audited(database)
    assert {e["action"] for e in (made, ended)} == {"policy.changed"}
    assert {(e["actor"], e["subject"]) for e in (made, ended)} == {("cli:ada", "key:shop")}
    assert (made["after"]["scopes"], ended["after"]) == (["events:write"], {"revoked": 1})
    assert secret not in json.dumps([made, ended])


def test_a_key_that_nobody_has_is_not_ended_and_not_audited(database: Database) -> None:
    with database.system() as connection:
        assert revoke_key(connection, ACME, "shop", now=NOW) == 0
    assert audited(database) == []


def test_a_key_whose_making_fails_leaves_neither_key_nor_entry(database: Database) -> None:
    with suppress(RuntimeError), database.system() as connection:
        _, secret = add_key(connection, ACME, "shop", ["events:write"], now=NOW)
        raise RuntimeError
    with database.system() as connection:
        assert find_key(connection, secret, now=NOW) is None
    assert audited(database) == []
