"""Each item of the launch checklist against a real service with one fault at a time."""

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import text

from deployments.port import free_port
from spine.audit import AuditAction
from spine.clock import SystemClock
from spine.ids import NO_TENANT, TenantId
from spine.oncall.policy import standard
from spine.oncall.schedule import Layer, Plan
from spine.person import EVERY_TENANT, Role
from spine.settings import Settings
from store import audit, people, policies, schedules
from store.engine import Database
from store.secrets import Vault
from tasks.launch import Ports, launch_checks

Found = Callable[..., tuple[str, dict[str, tuple[str, str]]]]
ACME = TenantId("acme")


def tokens(shop: Any, found: Found, fault: str = "") -> tuple[str, dict[str, str]]:
    shop.fault = fault
    mark, checks = found(
        "token_negatives", hosts=[shop.host], launch={"tokens": shop.tokens()},
        probing={"oidc": {"shop": {"issuer": shop.issuer}}},
    )  # fmt: skip
    return mark, {name: state for name, (state, _) in checks.items()}


def test_a_verifier_that_refuses_every_forgery_passes(shop: Any, found: Found) -> None:
    mark, checks = tokens(shop, found)
    assert mark == "ok"
    assert set(checks.values()) == {"ok"}
    assert {"alg none", "public key as a secret", "key in its own header", "expired", "wrong audience"} < checks.keys()


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        ("none", {"alg none", "alg nOnE"}),
        ("confusion", {"public key as a secret"}),
        ("header key", {"key in its own header"}),
        ("expiry", {"expired"}),
        ("audience", {"wrong audience"}),
        ("open", {"no token"}),
    ],
)
def test_a_forgery_that_is_accepted_is_named(shop: Any, found: Found, fault: str, accepted: set[str]) -> None:
    mark, checks = tokens(shop, found, fault)
    assert mark == "bad"
    assert {name for name, state in checks.items() if state == "bad"} == accepted


def test_a_verifier_that_checks_no_signature_takes_most_forgeries(shop: Any, found: Found) -> None:
    mark, checks = tokens(shop, found, "unsigned")
    assert mark == "bad"
    assert {"signed by a stranger", "changed signature", "changed subject"} < {
        name for name, state in checks.items() if state == "bad"
    }


def test_refusals_prove_nothing_when_the_good_token_is_refused_too(shop: Any, found: Found) -> None:
    given = {**shop.tokens(), "good": shop.jwt(seconds=-5)}
    mark, checks = found("token_negatives", hosts=[shop.host], launch={"tokens": given})
    assert mark == "unknown"
    assert list(checks) == ["good token"]


@pytest.mark.parametrize(
    ("fault", "mark", "where"),
    [
        ("", "ok", None),
        ("any redirect", "bad", "shop.foreign_redirect"),
        ("state", "bad", "shop.code"),
        ("signed out", "unknown", "shop.code"),
        ("nonce", "bad", "shop.id_token"),
    ],
)
def test_a_synthetic_user_signs_in_and_what_is_wrong_is_found_where_it_is(
    shop: Any, found: Found, fault: str, mark: str, where: str | None
) -> None:
    shop.fault = fault
    told, checks = found(
        "oauth_round_trip", hosts=[shop.host], launch={"oauth": {"shop": shop.client()}},
        probing={"oidc": {"shop": {"issuer": shop.issuer}}},
    )  # fmt: skip
    assert told == mark
    assert [name for name, (state, _) in checks.items() if state != "ok"] == ([where] if where else [])
    if not fault:
        assert list(checks) == ["shop.foreign_redirect", "shop.code", "shop.token", "shop.id_token"]


@pytest.mark.parametrize(("fault", "bad"), [("", set()), ("no throttle", {"throttle"}), ("no captcha", {"captcha"})])
def test_wrong_passwords_are_slowed_down(shop: Any, found: Found, fault: str, bad: set[str]) -> None:
    shop.fault = fault
    throttle = {"url": f"{shop.issuer}/login", "attempts": 8}
    _, checks = found("throttle", hosts=[shop.host], launch={"throttle": throttle})
    assert {name for name, (state, _) in checks.items() if state != "ok"} == bad


@pytest.mark.parametrize(("fault", "mark"), [("", "ok"), ("lingering", "bad")])
def test_an_ended_session_is_refused(shop: Any, found: Found, fault: str, mark: str) -> None:
    shop.fault = fault
    ways = {"login_url": "login", "use_url": "session", "revoke_url": "logout"}
    revocation = {name: f"{shop.issuer}/{path}" for name, path in ways.items()}
    body = '{"username": "ann@example.org", "password": "correct horse"}'
    told, checks = found(
        "revocation", hosts=[shop.host],
        launch={"revocation": {**revocation, "login_body": body, "max_seconds": 0.3}},
    )  # fmt: skip
    assert told == mark
    assert checks["refused"][0] == mark


@pytest.mark.parametrize("key", sorted(launch_checks()))
def test_what_is_not_configured_or_never_happened_is_no_pass(found: Found, key: str) -> None:
    mark, checks = found(key)
    assert checks
    assert mark != "ok"
    assert all(because for _, because in checks.values())


class Mailbox:
    """A mail server and its mailbox over IMAP: what arrived can be searched. `lost` = it takes mail and loses it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.subjects: list[str] = []
        self.lost = False
        self.smtp = Controller(self, hostname="127.0.0.1", port=free_port())
        self.smtp.start()
        box = self

        class Imap(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
                self.wfile.write(b"* OK ready\r\n")
                for line in self.rfile:
                    tag, command, *rest = line.decode().split()
                    self.wfile.write(box.answer(command.upper(), rest) + f"{tag} OK done\r\n".encode())
                    if command.upper() == "LOGOUT":
                        return

        self.imap = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Imap)
        self.thread = threading.Thread(target=self.imap.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        lines = envelope.content.decode().splitlines()
        if not self.lost:
            self.subjects.append(next(one for one in lines if one.startswith("Subject:")))
        return "250 taken"

    def answer(self, command: str, rest: list[str]) -> bytes:
        if command == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1\r\n"
        if command == "SELECT":
            return b"* 1 EXISTS\r\n"
        if command == "SEARCH":
            hits = [str(n) for n, one in enumerate(self.subjects, 1) if rest[-1].strip('"') in one]
            return f"* SEARCH {' '.join(hits)}\r\n".encode()
        return b"* BYE\r\n" if command == "LOGOUT" else b""

    def close(self) -> None:
        self.smtp.stop()
        self.imap.shutdown()
        self.thread.join()
        self.imap.server_close()


@pytest.fixture
def mailbox(ca: Any) -> Iterator[Mailbox]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    made = Mailbox(context)
    yield made
    made.close()


@pytest.mark.parametrize(("lost", "mark"), [(False, "ok"), (True, "bad")])
def test_a_canary_that_is_taken_must_arrive(mailbox: Mailbox, found: Found, lost: bool, mark: str) -> None:
    mailbox.lost = lost
    canary = {
        "to": "canary@example.org", "imap_host": "localhost", "imap_port": mailbox.imap.server_address[1],
        "imap_username": "canary", "imap_password": "secret", "wait_seconds": 0.3,
    }  # fmt: skip
    smtp = {"host": "127.0.0.1", "port": mailbox.smtp.port, "starttls": False}
    _, checks = found("mail_canary", launch={"canary": canary}, smtp=smtp)
    assert checks["canary.sent"][0] == "ok"
    assert checks["canary.arrived"][0] == mark
    assert len(mailbox.subjects) == (not lost)


def test_taken_by_the_server_alone_is_unknown(mailbox: Mailbox, found: Found) -> None:
    smtp = {"host": "127.0.0.1", "port": mailbox.smtp.port, "starttls": False}
    _, checks = found("mail_canary", launch={"canary": {"to": "canary@example.org"}}, smtp=smtp)
    assert [state for state, _ in (checks["canary.sent"], checks["canary.arrived"])] == ["ok", "unknown"]


def test_our_own_tables_are_isolated_and_an_open_one_is_named(database: Database, found: Found) -> None:
    _, checks = found("isolation_matrix")
    assert [checks[name][0] for name in ("database.forced", "database.crossing")] == ["ok", "ok"]
    with database.owner() as connection:
        connection.execute(text("alter table flags no force row level security"))
        connection.execute(text("alter table flags disable row level security"))
    _, checks = found("isolation_matrix")
    assert [checks[name][0] for name in ("database.forced", "database.crossing")] == ["bad", "bad"]
    assert "flags" in checks["database.forced"][1]
    assert "read, change, write" in checks["database.crossing"][1]
    with database.owner() as connection:
        left = connection.execute(text("select count(*) from flags where tenant_id like 'launch-%'")).scalar_one()
    assert left == 0


def test_a_changed_audit_entry_fails_the_chain(database: Database, found: Found) -> None:
    now = datetime.now(UTC)
    with database.system() as connection:
        audit.append(connection, ACME, AuditAction.RUNBOOK_RUN, actor="cli:ann", at=now, subject="drill:1")
    assert found("audit_chain")[1]["chains"][0] == "ok"
    with database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger all"))
        connection.execute(text("update audit_entries set entry = replace(entry, 'cli:ann', 'cli:bob')"))
    mark, checks = found("audit_chain")
    assert (mark, checks["chains"][0]) == ("bad", "bad")


@pytest.mark.parametrize(
    ("subject", "outcome", "days", "mark"),
    [
        ("restore-check:1", "ok", 1, "ok"),
        ("restore-check:1", "ok", 31, "bad"),
        ("restore-check:1", "failed", 1, "bad"),
        ("backup:1", "ok", 1, "bad"),
    ],
)
def test_only_a_fresh_restore_that_ended_well_counts(
    database: Database, found: Found, subject: str, outcome: str, days: int, mark: str
) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    with database.system() as connection:
        audit.append(
            connection, NO_TENANT, AuditAction.RUNBOOK_RUN, actor="cli:ann", at=at, subject=subject, outcome=outcome
        )
    assert found("restore")[0] == mark


def test_two_administrators_with_a_second_factor_and_a_way_to_call_them(
    database: Database, found: Found, sealed: Settings
) -> None:
    vault, smtp = Vault.of(sealed), {"host": "127.0.0.1"}
    for number, name in enumerate(("ann", "bob")):
        mark, _ = found("reachable_admins", smtp=smtp)
        assert mark == "bad"
        with database.system() as connection:
            people.add(
                connection, f"{name}@example.org", name, [((ACME, EVERY_TENANT)[number], Role.SECURITY_ADMIN)],
                vault=vault, actor="cli:ann", now=datetime.now(UTC),
            )  # fmt: skip
    assert found("reachable_admins", smtp=smtp)[0] == "ok"
    mark, checks = found("reachable_admins")
    assert mark == "bad"
    assert "no way to be reached" in checks["administrators"][1]


def test_an_alert_calls_a_person_only_when_a_policy_reaches_one(
    database: Database, found: Found, sealed: Settings
) -> None:
    now = datetime.now(UTC)
    assert "no policy pages" in found("alert_to_page")[1]["policy"][1]
    with database.system() as connection:
        ann, _ = people.add(
            connection, "ann@example.org", "Ann", [(ACME, Role.RESPONDER)], vault=Vault.of(sealed),
            actor="cli:ann", now=now,
        )  # fmt: skip
        plan = Plan(zone="UTC", layers=(_week(),))
        schedules.put(connection, ACME, "primary", plan, version=None, actor="cli:ann", now=now)
        policies.put(connection, ACME, "standard", standard("primary"), version=None, actor="cli:ann", now=now)
    assert "no way to reach them" in found("alert_to_page")[1]["policy"][1]
    _, checks = found("alert_to_page", smtp={"host": "127.0.0.1"})
    assert checks["policy"][0] == "ok"
    assert checks["proof"][0] == "bad"
    assert ann.email not in checks["policy"][1]


def _week() -> Layer:
    start = (datetime.now(UTC) - timedelta(days=1)).date()
    return Layer(name="week", people=(("ann@example.org",),), handover=time(9), start=start)


def test_ports_read_as_the_system(database: Database) -> None:
    ports = Ports.of(Settings(), SystemClock(), database, ACME)
    role = asyncio.run(ports.read(lambda connection: connection.execute(text("select current_user")).scalar_one()))
    assert role == "opsspine_system"
