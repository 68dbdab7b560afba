"""Signs where every audit chain stands, into a file: a copy kept elsewhere shows a cut-off end later."""

from datetime import datetime, timedelta
from pathlib import Path

from spine.checkpoint import signed
from spine.settings import Settings
from store import audit, heartbeats
from store.engine import Database
from store.secrets import Vault

_COMPONENT = "checkpoint"


def checkpoints_file(settings: Settings) -> Path:
    """Where this installation's checkpoints are."""
    return settings.data_dir / "audit-checkpoints.txt"


def checkpoint(database: Database, settings: Settings, now: datetime, *, file: Path | None = None) -> int:
    """Append every chain's head, signed, to `file` (default: this installation's); returns how many."""
    with database.system() as connection:
        heads = [head for name in audit.tenants(connection) if (head := audit.head(connection, name))]
    with (file or checkpoints_file(settings)).open("a", encoding="utf-8") as appended:
        appended.write(signed(heads, Vault.of(settings, create=True).signing_key()))
    with database.system() as connection:
        heartbeats.beat(connection, _COMPONENT, now=now, detail={"heads": len(heads)})
    return len(heads)


def checkpoint_when_due(database: Database, settings: Settings, now: datetime) -> int:
    """The same, once in `audit.checkpoint_hours`; run twice at once it may sign the same heads twice."""
    with database.system() as connection:
        last = heartbeats.beats(connection).get(_COMPONENT)
    if last is not None and now - last[0] < timedelta(hours=settings.audit.checkpoint_hours):
        return 0
    return checkpoint(database, settings, now)
