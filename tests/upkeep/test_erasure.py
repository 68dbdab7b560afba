"""After an erasure nothing in the whole database names the person, and everything that was promised still holds."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from spine import totp
from spine.audit import AuditAction
from spine.decision.plan_hash import of_decision
from spine.detect.summary import hashed
from spine.diagnostic import pseudonym
from spine.errors import Refused
from spine.ids import TenantId
from spine.person import PersonRef, Role
from spine.plan import Decision
from store import audit, contacts, evidence, incidents, notices, people, receipts
from store.engine import Database
from store.erasure import Erased, erase_person, erase_user
from store.fold import fold
from store.rehearsal import rehearsed

USER, MAIL, HOME, SESSION = "user-7f41", "kim@example.net", "198.51.100.77", "sess-kims-own-1"
OTHER = TenantId("globex")


def dumped(database: Database) -> str:
    """Everything in the database, as COPY tells it, with what is kept as bytes left out."""
    with psycopg.connect(database.url) as connection:
        names = connection.execute(
            "select c.relname from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'"
        ).fetchall()
        parts = []
        for (name,) in names:
            with connection.cursor().copy(f'copy "{name}" to stdout') as copy:
                parts.append(f"{name}\n" + b"".join(copy).decode())
    return "\n".join(parts)


def traces(tenant: TenantId) -> tuple[str, ...]:
    return USER, MAIL, HOME, SESSION, hashed(tenant, USER), pseudonym(USER)


@pytest.fixture
def case(approval_case: Any) -> Any:
    """An incident about a user who is in every kind of row, resolved by now."""
    case, now = approval_case, approval_case.clock.now()
    tenant, incident = case.tenant, case.incident.id
    _events(case.database, tenant, now)
    step = case.decision.steps[0].model_copy(update={"targets": (USER, "user-other")})
    with case.database.system() as connection:
        fold(connection)
        ref = evidence.add_evidence(
            connection, tenant, incident, source="detector:x", query=f"events of {USER}", window_start=now,
            window_end=now, n=1, observed={"n": 1}, threshold={}, at=now,
            body={"users": {hashed(tenant, USER): 3}, "addresses": [HOME, "203.0.113.9"], "who": pseudonym(USER)},
        )  # fmt: skip
        draft = case.decision.model_copy(update={"steps": (step, *case.decision.steps[1:]), "evidence": (ref,)})
        plan = draft.model_copy(update={"plan_hash": of_decision(draft)})
        connection.execute(
            text("update decisions set body = cast(:b as jsonb), plan_hash = :h where id = :id"),
            {"b": plan.model_dump_json(by_alias=True), "h": plan.plan_hash, "id": plan.decision_id},
        )
        incidents.append_timeline(
            connection, incidents.get(connection, incident), now, "note", "engine", f"{USER} told us"
        )
        notices.notify(
            connection,
            tenant,
            [USER],
            "hello",
            lease=incident,
            incident=incident,
            severity=case.incident.severity,
            now=now,
        )
        audit.append(
            connection, tenant, AuditAction.ACTION_EXECUTED, actor="engine", at=now,
            subject=f"user:{hashed(tenant, USER)}", incident_id=incident,
            detail={"targets": [USER, "user-other"], "reason": f"{MAIL.upper()} asked, from {HOME}"},
        )  # fmt: skip
        audit.append(
            connection, OTHER, AuditAction.ACTION_EXECUTED, actor="engine", at=now, subject="x",
            detail={"who": f"{tenant}/{USER}", "not them": USER},
        )  # fmt: skip
        _flag(connection, tenant)
    return case


def _events(database: Database, tenant: TenantId, now: Any) -> None:
    rows = [
        (tenant, USER, HOME, SESSION, "login_succeeded"), (tenant, USER, HOME, SESSION, "session_created"),
        (tenant, MAIL, HOME, None, "login_failed"), (tenant, USER, "203.0.113.9", None, "login_failed"),
        (tenant, "user-other", "192.0.2.5", "sess-shared", "login_succeeded"),
        (tenant, USER, "192.0.2.5", "sess-shared", "login_succeeded"), (OTHER, USER, "192.0.2.8", None, "login_failed"),
    ]  # fmt: skip
    with database.owner() as connection:
        connection.execute(text("select make_event_partition(:d)"), {"d": now.date()})
    for number, (owner, user, ip, session, kind) in enumerate(rows):
        with database.tenant(owner) as connection:
            connection.execute(
                text(
                    "insert into auth_ops_logs(id, type, occurred_at, user_id, ip, session_id, user_agent, country,"
                    " attributes) values(:id, :type, :at, :user, :ip, :session, 'Kims own browser', 'DE',"
                    " cast(:more as jsonb))"
                ),
                    {"id": f"e{number}", "type": kind, "at": now, "user": user, "ip": ip, "session": session,
                     "more": json.dumps({"owner_user_id": user})},
                )  # fmt: skip


def _flag(connection: Any, tenant: TenantId) -> None:
    connection.execute(
        text("insert into flags values(:t, 'beta', 1, cast(:d as jsonb))"),
        {"t": tenant, "d": json.dumps({"targeting": {"in": [{"var": "targetingKey"}, [USER, "user-other"]]}})},
    )


def end(case: Any) -> None:
    with case.database.system() as connection:
        connection.execute(text("update incidents set status = 'resolved', resolved_at = now()"))


def erase(case: Any, **more: Any) -> Erased:
    with case.database.owner() as connection:
        return erase_user(connection, case.tenant, [USER, MAIL], actor="test", now=case.clock.now(), **more)


def whole(database: Database) -> bool:
    with database.system() as connection:
        return set(audit.verify_all(connection).values()) == {None} and not audit.bad_tails(connection, 50)


def test_nothing_names_the_user_any_more_and_the_trail_verifies(case: Any) -> None:
    end(case)
    before = dumped(case.database)
    assert all(trace in before for trace in traces(case.tenant))
    done = erase(case)
    assert done.live == []
    lines = [line for line in dumped(case.database).lower().splitlines() if not line.startswith(("globex", "e6\t"))]
    for trace in traces(case.tenant):
        assert [line for line in lines if trace.lower() in line and "globex" not in line] == []
    assert whole(case.database)
    with case.database.system() as connection:
        receipt = receipts.latest(connection, "erasure")
    assert receipt is not None
    assert receipt.detail["number"] == done.number


def test_what_others_need_goes_on(case: Any) -> None:
    end(case)
    erase(case)
    with case.database.system() as connection:
        kinds = connection.execute(
            text("select type, count(*) from auth_ops_logs where tenant_id = :t group by 1"), {"t": case.tenant}
        )
        assert dict(kinds.tuples().all()) == {"login_succeeded": 3, "session_created": 1, "login_failed": 2}
        counted = connection.execute(
            text("select coalesce(sum(n), 0) from auth_metric_minutes where tenant_id = :t"), {"t": case.tenant}
        )
        assert counted.scalar_one() == 6
        # the same user elsewhere, and others here, are as they were
        other = connection.execute(text("select user_id, host(ip) from auth_ops_logs where tenant_id = 'globex'"))
        assert [tuple(row) for row in other] == [(USER, "192.0.2.8")]
        assert "user-other" in dumped(case.database)
        address = connection.execute(
            text("select count(*) from auth_address where ip = '192.0.2.5' and tenant_id = :t"), {"t": case.tenant}
        )
        assert address.scalar_one() == 1  # somebody else lives there, too
        for row in evidence.evidence_rows(connection, case.incident.id):
            assert evidence.digest(row) == row["sha256"]
        body, stored = connection.execute(text("select body::text, plan_hash from decisions")).one()
        plan = Decision.model_validate_json(body)
        assert of_decision(plan) == plan.plan_hash == stored
        assert plan.evidence[0].sha256 == evidence.evidence(connection, case.incident.id)[0].sha256
        audit.append(connection, case.tenant, AuditAction.RUNBOOK_RUN, actor="t", at=case.clock.now(), subject="next")
    assert whole(case.database)


def test_what_is_still_going_on_waits(case: Any) -> None:
    before = dumped(case.database)
    done = rehearsed(
        case.database,
        lambda connection: erase_user(connection, case.tenant, [USER], actor="test", now=datetime.now(UTC)),
    )
    assert done.live == [str(case.incident.id)]
    assert done.total > 0
    assert dumped(case.database) == before, "a rehearsal leaves nothing behind"


def test_a_plain_name_is_only_taken_where_it_is_the_whole_value(approval_case: Any) -> None:
    case = approval_case
    with case.database.system() as connection:
        for detail in ({"user": "42"}, {"said": "42 failed logins"}):
            audit.append(
                connection,
                case.tenant,
                AuditAction.ACTION_EXECUTED,
                actor="e",
                at=case.clock.now(),
                subject="s",
                detail=detail,
            )
    with case.database.owner() as connection:
        done = erase_user(connection, case.tenant, ["42"], actor="test", now=case.clock.now())
    assert done.weak == ["42"]
    told = dumped(case.database)
    assert "42 failed logins" in told
    assert '"user":"42"' not in told
    assert whole(case.database)


@pytest.fixture
def staff(approval_case: Any) -> Any:
    """Ann has decided, is known in Slack, and has left; Bob and Cleo are security admins."""
    case = approval_case
    ann = case.person("ann")
    case.slack(ann, "U0ANNSLACK")
    question = case.ask()
    case.decide(question, ann)
    for name in ("bob", "cleo"):
        case.person(name, Role.SECURITY_ADMIN)
    with case.database.system() as connection:
        person = people.find(connection, ann)
        contacts.add(
            connection,
            person,
            "email",
            "phone",
            "ann.private@example.org",
            settings=case.settings,
            actor="test",
            now=case.clock.now(),
        )
    return case


def test_somebody_who_worked_with_us_is_forgotten_and_what_they_decided_stays(staff: Any) -> None:
    case, ann = staff, PersonRef.by_email("ann@example.org")
    with case.database.system() as connection:
        person = people.find(connection, ann)
        assert person is not None
    with pytest.raises(Refused, match="still have access"), case.database.owner() as connection:
        erase_person(connection, person, actor="test", now=case.clock.now())
    with case.database.system() as connection:
        people.disable(connection, "ann@example.org", actor="test", now=case.clock.now())
        receipts.leave(connection, "backup", actor="person:ann@example.org", at=case.clock.now(), ok=True, detail={})
        person = people.find(connection, ann)
    end(case)
    with case.database.owner() as connection:
        done = erase_person(connection, person, actor="test", now=case.clock.now())
    told = dumped(case.database).lower()
    assert "ann@example.org" not in told
    assert "u0annslack" not in told
    assert f"erased-{done.number}" in told
    assert whole(case.database)
    with case.database.system() as connection:
        votes = connection.execute(text("select vote, stepped_up from approval_votes")).all()
    assert [tuple(row) for row in votes] == [("approve", True)]


def test_the_command_takes_two_security_admins(
    staff: Any, case: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    end(case)
    monkeypatch.setenv("DATABASE_URL", case.database.url)
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", case.settings.secret_key.get_secret_value())
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    words = ["erase", "--tenant", case.tenant, "--user", USER, "--also", MAIL]
    run, before = CliRunner().invoke, dumped(case.database)
    shown = run(app, [*words, "--dry-run"])
    assert "evidence" in shown.output
    assert dumped(case.database) == before
    assert run(app, words).exit_code == 1
    ann = [*words, "--as", "ann@example.org", "--as", "bob@example.org"]
    assert "no security admin" in run(app, ann, input="1\n2\n").output
    assert USER in dumped(case.database)
    both = [*words, "--as", "bob@example.org", "--as", "cleo@example.org"]
    codes = [
        totp.code_at(case.secrets[PersonRef.by_email(f"{n}@example.org")], datetime.now(UTC) + timedelta(seconds=1))
        for n in ("bob", "cleo")
    ]
    done = run(app, both, input="\n".join(codes) + "\n")
    assert done.exit_code == 0, done.output
    with case.database.system() as connection:
        receipt = receipts.latest(connection, "erasure")
    assert receipt is not None
    assert receipt.detail["by"] == ["person:bob@example.org", "person:cleo@example.org"]
