"""The manifest of a backup: what a restore holds the restored database against."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from spine.audit import Head
from spine.checkpoint import Checkpoint, read, signed
from spine.errors import Refused
from store import audit
from store.secrets import Vault

FORMAT = 1
_TABLES = """
    select c.relname from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relpersistence = 'p' order by 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was true of the database in the moment the backup was taken."""

    id: str
    at: str
    """When, ISO 8601 in UTC."""
    server: int
    """Major version of the server."""
    revision: str
    """Of the schema."""
    rows: dict[str, int]
    """By table, partitions one by one; unlogged tables are not kept."""
    heads: str
    """Where every audit chain stood, as signed notes (spine/checkpoint.py)."""
    sha256: str
    """Of the dump."""
    format: int = FORMAT

    @property
    def taken_at(self) -> datetime:
        """When, as a moment."""
        return datetime.fromisoformat(self.at).astimezone(UTC)

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())

    def text(self) -> str:
        """As it is written into the file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def parse(cls, content: str) -> "Manifest":
        """What `text` wrote.

        Raises:
            Refused: it is of another format.
        """
        try:
            told: dict[str, Any] = json.loads(content)
            if told["format"] != FORMAT:
                raise KeyError("format")
            return cls(**told)
        except (ValueError, TypeError, KeyError) as error:
            raise Refused(
                "backup.format",
                "The file's manifest is not one this version can read: it is damaged, or of a newer version of "
                "opsspine. Restore it with the version that made it, or choose another backup.",
            ) from error


def counts(connection: Connection) -> dict[str, int]:
    """Rows of every table that a backup keeps."""
    names = connection.execute(text(_TABLES)).scalars().all()
    return {name: int(connection.execute(text(f'select count(*) from "{name}"')).scalar_one()) for name in names}  # noqa: S608 - names from the catalogue


def sign_heads(connection: Connection, vault: Vault, now: datetime) -> str:
    """The head of every audit chain, signed."""
    heads = [audit.head(connection, tenant) for tenant in audit.tenants(connection)]
    return signed((Checkpoint(head, now) for head in heads if head is not None), vault.signing_key())


def read_heads(manifest: Manifest, vault: Vault) -> list[Head]:
    """The heads that were signed when the backup was taken.

    Raises:
        Refused: another key signed them, or somebody edited them.
    """
    return [one.head for one in read(manifest.heads, vault.signing_key().public_key())]


def differences(told: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Tables whose rows are not as many as they were, in words."""
    return [
        f"{name}: {told.get(name, 'no table')} then, {found.get(name, 'no table')} now"
        for name in sorted({*told, *found})
        if told.get(name) != found.get(name)
    ]


def sha256_of(file: Path) -> str:
    """The digest of a file's content, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
