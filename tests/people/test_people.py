"""People, roles, accounts, the vault and one-time codes."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from spine import totp
from spine.errors import Broken, Refused
from spine.ids import NO_TENANT, TenantId
from spine.person import EVERY_TENANT, PersonRef, Role
from spine.settings import Settings
from store import audit, people
from store.engine import Database
from store.secrets import Vault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = TenantId("acme")
VAULT = Vault(Fernet.generate_key())


def add(database: Database, email: str, *roles: tuple[TenantId, Role]) -> str | None:
    with database.system() as connection:
        return people.add(connection, email, "Ana", roles, vault=VAULT, actor="test", now=NOW)[1]


def test_a_person_is_found_by_address_in_any_spelling_and_by_account(database: Database) -> None:
    add(database, " Ana@Example.org ", (T, Role.RESPONDER))
    account = PersonRef.by_slack("T1", "U1")
    with database.system() as connection:
        people.link(connection, "ANA@example.org", account, actor="test", now=NOW)
        found = people.find(connection, PersonRef.by_email("ana@example.ORG"))
        assert found is not None
        assert (found.email, found.enrolled, found.roles) == ("ana@example.org", True, {T: {Role.RESPONDER}})
        assert people.find(connection, account) == found == people.get(connection, found.id)
        assert people.accounts(connection, found.id) == [account]
        assert people.find(connection, PersonRef.by_slack("T2", "U1")) is None


def test_added_again_a_person_gains_roles_and_keeps_the_second_factor(database: Database) -> None:
    assert add(database, "ana@example.org", (T, Role.VIEWER)) is not None
    assert add(database, "ana@example.org", (EVERY_TENANT, Role.RESPONDER), (T, Role.VIEWER)) is None
    with database.system() as connection:
        ana = people.by_email(connection, "ana@example.org")
    assert ana.roles_in(T) == {Role.VIEWER, Role.RESPONDER}
    assert ana.roles_in(TenantId("other")) == {Role.RESPONDER}


def test_a_disabled_person_loses_everything_and_returns_with_a_new_second_factor(database: Database) -> None:
    first = add(database, "ana@example.org", (T, Role.RESPONDER))
    with database.system() as connection:
        assert people.disable(connection, "ana@example.org", actor="test", now=NOW).roles_in(T) == frozenset()
    second = add(database, "ana@example.org", (T, Role.VIEWER))
    assert second not in (None, first)
    with database.system() as connection:
        assert people.by_email(connection, "ana@example.org").roles_in(T) == {Role.VIEWER}


def test_one_account_is_one_persons(database: Database) -> None:
    add(database, "ana@example.org", (T, Role.VIEWER))
    add(database, "bo@example.org", (T, Role.VIEWER))
    account = PersonRef.by_slack("T1", "U1")
    with database.system() as connection:
        people.link(connection, "ana@example.org", account, actor="test", now=NOW)
        people.link(connection, "ana@example.org", account, actor="test", now=NOW)
        with pytest.raises(Refused, match=r"belongs to ana@example\.org"):
            people.link(connection, "bo@example.org", account, actor="test", now=NOW)


@pytest.mark.parametrize(
    ("email", "role", "code"),
    [("ana", Role.VIEWER, "person.email"), ("@x", Role.VIEWER, "person.email"), ("a@b", Role.ENGINE, "person.role")],
)
def test_what_is_no_person_is_refused(database: Database, email: str, role: Role, code: str) -> None:
    with pytest.raises(Refused) as refused:
        add(database, email, (T, role))
    assert refused.value.code == code


def test_every_change_of_people_is_audited_without_its_secret(database: Database) -> None:
    secret = add(database, "ana@example.org", (T, Role.VIEWER))
    with database.system() as connection:
        _, renewed = people.renew(connection, "ana@example.org", vault=VAULT, actor="test", now=NOW)
        people.disable(connection, "ana@example.org", actor="test", now=NOW)
        entries = [link.canonical.decode() for tenant in (T, NO_TENANT) for link in audit.links(connection, tenant)]
    assert len(entries) == 3
    assert all('"action":"policy.changed"' in one for one in entries)
    assert secret is not None
    assert not any(secret in one or renewed in one for one in entries)


def test_a_tenants_role_sees_no_people(database: Database) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.tenant(T) as connection:
        connection.execute(text("select * from people"))


def test_the_second_factor_is_sealed_in_the_database(database: Database) -> None:
    secret = add(database, "ana@example.org", (T, Role.VIEWER))
    assert secret is not None
    with database.system() as connection:
        row = connection.execute(text("select id, totp_secret from people")).one()
    assert secret.encode() not in bytes(row.totp_secret)
    assert VAULT.open(bytes(row.totp_secret), str(row.id)) == secret.encode()


@given(st.binary(), st.text(), st.text())
def test_what_is_sealed_opens_for_its_context_only(clear: bytes, context: str, other: str) -> None:
    sealed = VAULT.seal(clear, context)
    assert VAULT.open(sealed, context) == clear
    if other != context:
        with pytest.raises(Broken, match="sealed for somebody else"):
            VAULT.open(sealed, other)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Broken, match="the key was changed or lost"):
        Vault(Fernet.generate_key()).open(VAULT.seal(b"x"))


def test_a_malformed_key_is_told() -> None:
    with pytest.raises(Broken, match="not 32 bytes"):
        Vault(b"short")


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new", secret_key=None)
    with pytest.raises(Broken, match="cannot be read"):
        Vault.of(settings)
    with ThreadPoolExecutor(4) as pool:
        vaults = list(pool.map(lambda _: Vault.of(settings, create=True), range(8)))
    sealed = vaults[0].seal(b"x")
    assert {vault.open(sealed) for vault in vaults} == {b"x"}
    file = tmp_path / "new" / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)), st.integers(-5, 5)
)
def test_a_code_is_accepted_within_one_step_and_never_again(now: datetime, drift: int) -> None:
    secret = totp.new_secret()
    code = totp.code_at(secret, now + timedelta(seconds=30 * drift))
    step = totp.accepted_step(secret, code, at=now, last_step=-1)
    if abs(drift) <= 1:
        assert step == totp.step_at(now) + drift
        assert totp.accepted_step(secret, code, at=now, last_step=step) is None


def test_the_code_is_that_of_the_standard() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"
    assert totp.code_at(secret, datetime.fromtimestamp(59, UTC)) == "287082"
    assert totp.code_at(secret, datetime.fromtimestamp(1111111109, UTC)) == "081804"
    assert totp.accepted_step(secret, "287 082", at=datetime.fromtimestamp(59, UTC), last_step=0) == 1
