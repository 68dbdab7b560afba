"""A PostgreSQL of its own in a temporary folder, durable as in production, gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import migrate


@contextmanager
def database() -> Iterator[Database]:
    """A fresh, migrated database."""
    folder = Path(tempfile.mkdtemp(prefix="opsspine-bench-"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder) as server:
            made = Database(server.create_database("bench"), pool_size=10)
            migrate(made)
            yield made
            made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
