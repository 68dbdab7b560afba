"""Scenario 47: a secret in event attributes, exceptions, reasons or audit details reaches no table and no log."""

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import text

from spine.audit import AuditAction
from spine.person import PersonRef
from store import audit
from store.decide import decide
from store.engine import Database
from store.ingest import ingest_raw
from store.partition import ensure_partitions

PLANTED = {
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.cGxhbnRlZC1zaWduYXR1cmUtb2YtNDMtYnl0ZXM",
    "aws": "AKIAPLANTED234567890",
    "github": "ghp_plantedplantedplantedplantedplanted0",
    "slack": "xoxb-000000000000-plantedplantedplanted",
    "url": "postgresql://admin:planted-db-password@db.example.org/app",
    "pem": "-----BEGIN PRIVATE KEY-----\nplantedplantedplanted\n-----END PRIVATE KEY-----",
    "bearer": "Authorization: Bearer planted-bearer-token",
    "field": "password=planted-in-text",
    "card": "4111 1111 1111 1111",
}
UNDER = {"password": "planted-one", "client_secret": "planted-two", "x-api-key": "planted-three", "totp": 271828}
_TRACES = ("planted", "UExBTlRFRA", "PLANTED", "4111 1111", "4111111111111111", "271828", "cGxhbnRlZ")


def everything(database: Database) -> str:
    """Every row of every table, as text."""
    with database.owner() as connection:
        names = connection.execute(
            text("select format('%I', table_name) from information_schema.tables where table_schema = 'public'"
                 " and table_type = 'BASE TABLE'")
        ).scalars()  # fmt: skip
        rows = [connection.execute(text(f"select t::text from {name} t")).scalars().all() for name in names.all()]
    return "\n".join(row for table in rows for row in table)


def assert_clean(stored: str) -> None:
    assert [trace for trace in _TRACES if trace in stored] == []


def test_s47_secrets_in_event_attributes_never_reach_the_database(approval_case: Any) -> None:
    database, now = approval_case.database, approval_case.clock.now()
    with database.owner() as connection:
        ensure_partitions(connection, now, approval_case.settings.retention)
    event = {"id": "e1", "type": "login_failed", "occurred_at": now.isoformat(), "user_id": "u1", "ip": "203.0.113.7"}
    rows = [
        {
            **event,
            "attributes": {**UNDER, **PLANTED, "nested": [{"deep": dict(UNDER)}], "note": " ".join(PLANTED.values())},
        },
        {**event, "id": "e2", **UNDER, "note": PLANTED["bearer"]},
    ]
    report = ingest_raw(database, approval_case.tenant, rows, now=now)
    assert report.accepted == 2
    assert_clean(everything(database))


def test_s47_secrets_in_audit_metadata_never_reach_the_chain(approval_case: Any) -> None:
    error = RuntimeError(str(PLANTED) + str(UNDER))
    error.__cause__ = ValueError(PLANTED["url"])
    with approval_case.database.system() as connection:
        for planted in PLANTED.values():
            audit.append(
                connection, approval_case.tenant, AuditAction.ACTION_EXECUTED, actor=f"x {planted}",
                at=approval_case.clock.now(), subject=f"lease: {planted}", before=UNDER, after=[planted.encode()],
                outcome=planted, detail={"error": error, planted: 1, "args": (planted, UNDER)},
            )  # fmt: skip
    stored = everything(approval_case.database)
    assert "[redacted" in stored
    assert_clean(stored)


@pytest.mark.parametrize("vote", ["approve", "deny"])
def test_s47_secrets_in_a_reason_never_reach_any_table(approval_case: Any, vote: str) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    code = case.code(ana)
    for who in (ana, PersonRef.by_slack("T1", "U404")):
        decide(
            case.database, approval.id, person=who, vote=vote, via="cli", reason=" ".join(PLANTED.values()), totp=code,
            settings=case.settings, now=case.clock.now(),
        )  # fmt: skip
    assert case.get(approval).reason is not None
    assert_clean(everything(case.database))


def test_s47_secrets_never_reach_the_logs() -> None:
    program = f"""
import logging, structlog
from deployments.log import configure
configure("test")
planted, under = {PLANTED!r}, {UNDER!r}
structlog.get_logger("a").warning("refused", **{{"event_body": planted, **under}})
for name, text in planted.items():
    logging.getLogger("b").warning("failed with %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logging.getLogger("c").exception("raised")
        structlog.get_logger("d").exception("raised")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") >= 28
    assert_clean(done.stdout + done.stderr)
