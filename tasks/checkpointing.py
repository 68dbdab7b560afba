"""Signs where every audit chain stands, into a file: a copy kept elsewhere shows a cut-off end later."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from spine.checkpoint import Checkpoint, read, signed
from spine.ids import TenantId
from spine.settings import Settings
from store import audit, heartbeats
from store.engine import Database
from store.secrets import Vault

_COMPONENT = "checkpoint"
_LOCK = 0x6E6F7465
"""Advisory lock: one writer of checkpoints at a time."""


@dataclass(slots=True)
class Signed:
    """What one round of signing did."""

    heads: int = 0
    """How many chains have moved, and were signed again."""
    problems: list[str] = field(default_factory=list)
    """Chains that do not contain what was signed before; their old checkpoints stay, as evidence."""


def checkpoints_file(settings: Settings) -> Path:
    """Where this installation's checkpoints are."""
    return settings.data_dir / "audit-checkpoints.txt"


def checkpoint(database: Database, settings: Settings, now: datetime, *, file: Path | None = None) -> Signed:
    """Sign the head of every chain that has moved; `file` (default: this installation's) holds the latest of each.

    The file is replaced whole, so that no crash leaves half a note. A chain that does not contain the head that was
    signed last is not signed again.

    Raises:
        Broken: there is no key to sign with.
        Refused: the file was edited, or belongs to another key.
    """
    key, where = Vault.of(settings).signing_key(), file or checkpoints_file(settings)
    with database.system() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:k)"), {"k": _LOCK})
        before = read(where.read_text(encoding="utf-8"), key.public_key()) if where.exists() else []
        latest = {one.head.tenant_id: one for one in before}
        done = _look(connection, latest, now)
        _replace(where, signed(latest.values(), key))
        heartbeats.beat(connection, _COMPONENT, now=now, detail={"heads": done.heads, "problems": len(done.problems)})
    return done


def checkpoint_when_due(database: Database, settings: Settings, now: datetime) -> Signed:
    """The same, once in `audit.checkpoint_hours`."""
    with database.system() as connection:
        last = heartbeats.beats(connection).get(_COMPONENT)
    if last is not None and now - last[0] < timedelta(hours=settings.audit.checkpoint_hours):
        return Signed()
    return checkpoint(database, settings, now)


def _look(connection: Connection, latest: dict[TenantId, Checkpoint], now: datetime) -> Signed:
    """Bring `latest` up to date."""
    done = Signed()
    heads = {tenant: audit.head(connection, tenant) for tenant in audit.tenants(connection)}
    for tenant in sorted({*heads, *latest}):
        head, old = heads.get(tenant), latest.get(tenant)
        if old is not None and audit.hash_at(connection, tenant, old.head.seq) != old.head.hash:
            done.problems.append(_accusation(tenant, latest))
        elif head is not None and (old is None or head.seq > old.head.seq):
            latest[tenant] = Checkpoint(head, now)
            done.heads += 1
    return done


def _accusation(tenant: TenantId, latest: Mapping[TenantId, Checkpoint]) -> str:
    old = latest[tenant]
    return (
        f"the audit chain of {tenant} does not contain entry {old.head.seq}, whose hash was signed at "
        f"{old.at:%Y-%m-%d %H:%M} UTC: it was rewritten or cut. `opsspine audit verify` names the first bad entry"
    )


def _replace(file: Path, content: str) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
