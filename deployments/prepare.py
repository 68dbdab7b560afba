"""`python -m deployments.prepare`: brings the database's schema up to date, and sees that there is a key. Then it ends.

What the supervisor does on one machine before it starts anything; on many, one job does it before each release.
Prefect's own database is brought up to date by `prefect server database upgrade -y`.
"""

import sys

from spine.errors import OpsSpineError, Refused
from spine.settings import Settings
from store.engine import Database
from store.migrate import migrate
from store.secrets import Vault


def prepare(settings: Settings) -> str:
    """Migrate; returns the schema's version.

    Raises:
        Refused: DATABASE_URL is not set.
        Broken: there is no key, or it is none.
    """
    if settings.database_url is None:
        raise Refused("prepare.database", "DATABASE_URL is not set, so there is no database to prepare. Set it.")
    Vault.of(settings)
    database = Database(settings.database_url)
    try:
        return migrate(database)
    finally:
        database.close()


def main() -> int:
    """0 once everything is ready; 1 and a sentence when it is not."""
    try:
        print(f"schema {prepare(Settings())}", flush=True)
    except OpsSpineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
