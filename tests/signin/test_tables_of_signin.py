"""What sign-in rests on: links that are good once, recovery codes, buckets, sessions; each in real PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from spine.ids import NO_TENANT, TenantId
from spine.person import Person, PersonRef, Role
from spine.session import Method
from spine.settings import Settings
from spine.settings.signin import SigninSettings
from store import account_link, ceremonies, links, people, rate, recovery, sessions
from store.ceremonies import Ceremony
from store.engine import Database
from store.secrets import Vault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VAULT = Vault(Fernet.generate_key())
HOUR = timedelta(hours=1)


@pytest.fixture
def ann(database: Database) -> Person:
    with database.system() as connection:
        held = [(TenantId("acme"), Role.RESPONDER)]
        return people.add(connection, "ann@example.org", "Ann", held, vault=VAULT, actor="test", now=NOW)[0]


def _bits_flipped(token: str) -> list[str]:
    return [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(0, len(token) - 1, 7)]


def test_a_link_is_good_once_for_its_purpose_until_it_expires(database: Database) -> None:
    def look(token: str, purpose: links.Purpose = "sign-in", at: datetime = NOW) -> object:
        with database.system() as connection:
            return links.look(connection, purpose, token, vault=VAULT, now=at)

    with database.system() as connection:
        token = links.issue(connection, "sign-in", {"person": "p"}, vault=VAULT, now=NOW, lasts=HOUR)
    assert look(token) == {"person": "p"} == look(token), "looking does not use it up"
    assert look(token, "account") is None
    assert look(token, at=NOW + HOUR) is None
    assert [look(forged) for forged in [*_bits_flipped(token), "", "x", token + "AA", "é"]].count(None) >= 10
    assert not any(look(forged) for forged in [*_bits_flipped(token), "", "x", token + "AA", "é"])
    with database.system() as connection:
        links.use(connection, token, now=NOW)
    assert look(token) is None


def test_who_can_write_rows_can_make_no_link_say_something_else(database: Database) -> None:
    with database.system() as connection:
        token = links.issue(connection, "sign-in", {"person": "p"}, vault=VAULT, now=NOW, lasts=HOUR)
        for change in ('subject = \'{"person": "q"}\'', "expires_at = expires_at + interval '1 year'"):
            with connection.begin_nested() as savepoint:
                connection.execute(text(f"update signed_links set {change}"))
                assert links.look(connection, "sign-in", token, vault=VAULT, now=NOW) is None
                savepoint.rollback()
        assert links.look(connection, "sign-in", token, vault=Vault(Fernet.generate_key()), now=NOW) is None
        assert links.look(connection, "sign-in", token, vault=VAULT, now=NOW) == {"person": "p"}


def test_an_account_is_linked_once_and_never_taken_from_its_owner(database: Database, ann: Person) -> None:
    settings = Settings(secret_key=Fernet.generate_key().decode())
    slack = PersonRef.by_slack("T1", "U1")
    with database.system() as connection:
        bob = people.add(connection, "bob@example.org", "Bob", [], vault=VAULT, actor="test", now=NOW)[0]
        token = account_link.issue(connection, slack, NOW, settings=settings)
        assert account_link.url(token, settings).startswith("http://127.0.0.1:8321/admin/auth-ops/link-account?token=")
        linked = account_link.confirm(connection, token, ann, NOW, settings=settings)
        assert linked is not None
        assert people.find(connection, slack) == ann
        assert account_link.confirm(connection, token, bob, NOW, settings=settings) is None
        again = account_link.issue(connection, slack, NOW, settings=settings)
        with pytest.raises(Exception, match="belongs to ann"):
            account_link.confirm(connection, again, bob, NOW, settings=settings)


def test_recovery_codes_are_good_once_and_new_ones_end_the_old(database: Database, ann: Person) -> None:
    with database.system() as connection:
        old = recovery.renew(connection, ann.id, 2)
        codes = recovery.renew(connection, ann.id, 10)
        assert len(set(codes)) == 10
        stored = connection.execute(text("select string_agg(argon2, ' ') from recovery_codes")).scalar_one()
        assert stored.count("$argon2id$") == 10
        assert not any(code.split("-", 1)[1].replace("-", "") in stored for code in codes)
        assert recovery.accepted(connection, ann.id, old[0]) is None
        sloppy = f" {codes[2].upper().replace('-', ' ')} "
        assert recovery.accepted(connection, ann.id, sloppy) == 3
        recovery.use(connection, ann.id, 3, now=NOW)
        assert recovery.accepted(connection, ann.id, codes[2]) is None
        assert recovery.left(connection, ann.id) == 9
        assert recovery.accepted(connection, None, codes[3]) is None
        assert recovery.accepted(connection, ann.id, f"5-{codes[3].split('-', 1)[1]}") is None


def test_a_bucket_gives_its_burst_then_its_rate_and_refusals_cost_nothing(database: Database) -> None:
    limit = rate.Rate.per_minute(3, 6)

    def take(at: datetime) -> timedelta | None:
        with database.system() as connection:
            return rate.take(connection, "b", limit, now=at)

    assert [take(NOW) for _ in range(3)] == [None] * 3
    assert [take(NOW) for _ in range(3)] == [timedelta(seconds=10)] * 3
    assert take(NOW + timedelta(seconds=9)) == timedelta(seconds=1)
    assert take(NOW + timedelta(seconds=10)) is None
    assert take(NOW + timedelta(seconds=10)) == timedelta(seconds=10)
    assert [take(NOW + HOUR) for _ in range(4)] == [None] * 3 + [timedelta(seconds=10)]
    with database.system() as connection:
        assert rate.take(connection, "another", limit, now=NOW) is None
        assert rate.forget(connection, NOW + 2 * HOUR) == 2


def test_a_ceremony_is_finished_once_by_the_browser_that_began_it(database: Database) -> None:
    def begin() -> str:
        with database.system() as connection:
            return ceremonies.begin(connection, Ceremony.OIDC, {"nonce": "n"}, vault=VAULT, now=NOW, lasts=HOUR)

    def finish(value: str | None, kind: Ceremony = Ceremony.OIDC, at: datetime = NOW) -> bool:
        with database.system() as connection:
            return ceremonies.finish(connection, kind, value, vault=VAULT, now=at) is not None

    value = begin()
    assert not any(finish(wrong) for wrong in (None, "", "guess"))
    assert not finish(value, Ceremony.TOTP)
    assert not finish(value, at=NOW + HOUR)
    assert finish(value)
    assert not finish(value)
    begin()
    with database.system() as connection:
        assert ceremonies.forget(connection, NOW + 2 * HOUR) == 1


def test_a_session_ends_by_idleness_by_age_by_its_end_and_its_token_changes_at_step_up(
    database: Database, ann: Person
) -> None:
    limits = SigninSettings(idle_minutes=30, absolute_hours=2)

    def find(token: str, after: timedelta) -> sessions.Session | None:
        with database.system() as connection:
            return sessions.find(connection, token, now=NOW + after, settings=limits)

    with database.system() as connection:
        session, token = sessions.begin(connection, ann, Method.PASSKEY, now=NOW, settings=limits, stepped_up=False)
        stored = connection.execute(text("select string_agg(s::text, ' ') from sessions s")).scalar_one()
    assert token not in stored
    assert session.tenant_id == "acme"
    assert find(token, timedelta(minutes=29)) is not None, "which counts as a use"
    assert find(token, timedelta(minutes=58)) is not None
    assert find(token, timedelta(minutes=88)) is None
    with database.system() as connection:
        stronger, newer = sessions.step_up(connection, session, ann, "totp", now=NOW + HOUR)
    assert stronger.stepped_up_at == NOW + HOUR
    assert (stronger.id, stronger.csrf) == (session.id, session.csrf)
    assert find(token, HOUR) is None
    assert find(newer, HOUR) is not None
    for minute in (80, 100, 119):
        assert find(newer, timedelta(minutes=minute)) is not None
    assert find(newer, 2 * HOUR) is None, "however busy"


def test_ending_all_sessions_but_one_and_forgetting_the_old(database: Database, ann: Person) -> None:
    limits = SigninSettings()
    with database.system() as connection:
        made = [
            sessions.begin(connection, ann, Method.LINK, now=NOW, settings=limits, stepped_up=True)[0] for _ in range(3)
        ]
        assert sessions.end_all(connection, ann.id, now=NOW, but=made[1].id) == 2
        assert [s.id for s in sessions.live(connection, ann.id, now=NOW, settings=limits)] == [made[1].id]
        assert sessions.forget(connection, NOW + timedelta(seconds=1)) == 2


def test_tenants_somebody_may_act_in(database: Database, ann: Person) -> None:
    with database.system() as connection:
        everywhere = people.add(
            connection, "cy@example.org", "Cy", [(TenantId("*"), Role.VIEWER)], vault=VAULT, actor="test", now=NOW
        )[0]
        assert sessions.tenants_of(connection, ann) == ["acme"]
        assert sessions.tenants_of(connection, everywhere) == [NO_TENANT, "acme"]
        assert (sessions.first_tenant(ann), sessions.first_tenant(everywhere)) == ("acme", NO_TENANT)
