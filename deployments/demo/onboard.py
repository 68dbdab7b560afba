"""What an operator does once: a key for the application, a person who may approve, the flags' own state."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments.demo.app.flag import THROTTLE
from deployments.demo.environment import APPROVER_EMAIL, TENANT
from spine.person import PersonRef, Role
from spine.settings import Settings
from store import flags, people
from store.engine import Database
from store.keys import add_key
from store.secrets import Vault

_ACTOR = f"person:{APPROVER_EMAIL}"


@dataclass(frozen=True, slots=True)
class Onboarded:
    """What came out."""

    api_key: str
    totp_secret: str


def onboard(database: Database, data_dir: Path, slack_account: PersonRef) -> Onboarded:
    """Set the tenant up, by the same functions the command line uses."""
    now = datetime.now(UTC)
    vault = Vault.of(Settings(data_dir=data_dir, secret_key=None), create=True)
    with database.system() as connection:
        _, api_key = add_key(connection, TENANT, "shop", ["events:write", "flags:read"], now=now)
        _, secret = people.add(
            connection, APPROVER_EMAIL, "Noor", [(TENANT, Role.SECURITY_ADMIN)], vault=vault, actor="operator", now=now
        )
        people.link(connection, APPROVER_EMAIL, slack_account, actor="operator", now=now)
    assert secret is not None, "a person of a new database has no second factor yet"
    _edit_flag(database, now)
    return Onboarded(api_key, secret)


def _edit_flag(database: Database, now: datetime) -> None:
    """Two edits by a person, so that the exact prior version is one that nobody gets by switching off."""
    for version, owner in enumerate(("shop", "shop on-call")):
        with database.tenant(TENANT) as connection:
            found = flags.get(connection, TENANT, THROTTLE)
            assert found is not None
            flags.put(
                connection,
                TENANT,
                THROTTLE,
                {**found.definition.stored(), "metadata": {"perMinute": 30 - 10 * version}},
                expected_version=version,
                actor=_ACTOR,
                reason="what the shop takes when this is switched on by hand",
                at=now,
                owner=owner,
            )
