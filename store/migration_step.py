"""One migration after the first release: a folder of SQL, run so that nobody who works meanwhile notices.

    expand.sql       one transaction; adds what newer code needs. Gives up rather than wait for a lock
    concurrent.sql   statements by themselves, outside of transactions: indexes built concurrently
    backfill.sql     one statement that changes a bounded number of rows, repeated until it changes none
    contract.sql     one transaction, of a migration of its own, a release later: takes away what nobody uses any more

The rules are in docs/upgrading.md; `problems` says which are broken.
"""

import re
from pathlib import Path

from alembic.operations import Operations
from sqlalchemy import text

LOCK_SECONDS = 2
FILES = ("expand.sql", "concurrent.sql", "backfill.sql", "contract.sql")
_COMMENT = re.compile(r"--[^\n]*")
_DOLLAR = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)
_CONTRACT = re.compile(r"^-- contract of (v\d{4}\w*)")

_EVERYWHERE = (
    (r"\brename\b", "renames: code of one release would not find it. Add the new, fill it, take the old away later"),
    (r"\balter\s+column\s+\S+\s+(set\s+data\s+)?type\b", "rewrites the table under a lock. Add a column"),
    (r"\block\s+table\b|\bvacuum\s+full\b|\bcluster\b|\btruncate\b", "locks a whole table for as long as it takes"),
    (r"\bset\s+schema\b", "moves a table away from the code that uses it"),
)  # fmt: skip
_EXPANDING = (
    (r"\bdrop\s+(column|table|view|function|trigger|type|constraint|index)\b", "takes something away before its time"),
    (r"\bcreate\s+(unique\s+)?index\b", "builds an index under a lock: put it into concurrent.sql"),
    (r"\badd\s+(constraint\s+\S+\s+)?(check|foreign\s+key)\b(?![^;]*\bnot\s+valid\b)",
     "checks every row under a lock: add it `not valid`, and validate it in a later file"),
    (r"\badd\s+(constraint\s+\S+\s+)?(unique|primary\s+key)\s*\(", "builds an index under a lock: use a finished one"),
    (r"\bset\s+not\s+null\b", "reads the whole table under a lock: add a check `not valid`, and validate it"),
    (r"\badd\s+column\b(?![^;,]*\bdefault\b)[^;,]*\bnot\s+null\b", "older code does not fill it: give a default"),
    (r"^\s*(update|delete)\b", "changes rows in one go: put it into backfill.sql, in bounded pieces"),
)  # fmt: skip


def run(operations: Operations, folder: Path) -> None:
    """Run one folder, as the body of a migration. What it did before it failed, it does not mind doing again."""
    connection = operations.get_bind()
    connection.execute(text(f"set local lock_timeout = '{LOCK_SECONDS}s'"))
    for name in ("expand.sql", "contract.sql"):
        if (file := folder / name).exists():
            connection.exec_driver_sql(file.read_text(encoding="utf-8"))
    if not any((folder / name).exists() for name in ("concurrent.sql", "backfill.sql")):
        return
    with operations.get_context().autocommit_block():
        bind = operations.get_bind()
        bind.execute(text(f"set lock_timeout = '{LOCK_SECONDS}s'"))
        if (file := folder / "concurrent.sql").exists():
            for name in bind.execute(_INVALID).scalars().all():  # left behind by one that was interrupted
                bind.exec_driver_sql(f"drop index concurrently {name}")
            for statement in statements(file.read_text(encoding="utf-8")):
                bind.exec_driver_sql(statement)
        if (file := folder / "backfill.sql").exists():
            while bind.exec_driver_sql(file.read_text(encoding="utf-8")).rowcount:
                pass
        bind.execute(text("reset lock_timeout"))


_INVALID = text("""
    select indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid
    where not indisvalid and c.relnamespace = 'public'::regnamespace and c.relkind = 'i'""")


def statements(sql: str) -> list[str]:
    """The statements of a file without functions."""
    return [one for part in _COMMENT.sub("", sql).split(";") if (one := part.strip())]


def problems(folder: Path) -> list[str]:
    """Which rules the files of a later migration break; [] = it can run while people work."""
    files = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*"))}
    found = [f"{folder.name}/{name}: only {', '.join(FILES)} are run" for name in files if name not in FILES]
    if "contract.sql" in files:
        found += _contract(folder.name, files)
    for name, sql in files.items():
        rules = _EVERYWHERE + (_EXPANDING if name == "expand.sql" else ())
        for statement in statements(_DOLLAR.sub("''", sql)):
            found += [
                f"{folder.name}/{name}: {why} ({' '.join(statement.split())[:60]})"
                for pattern, why in rules
                if re.search(pattern, statement, re.IGNORECASE)
            ]
            if name == "concurrent.sql" and not re.search(r"\bindex\s+concurrently\b|\bvalidate\b", statement, re.I):
                found.append(f"{folder.name}/{name}: only indexes built concurrently, and validations, belong here")
    if "skip locked" in files.get("backfill.sql", "").lower():
        found.append(f"{folder.name}/backfill.sql: skips locked rows, which then are never filled")
    if "limit" not in files.get("backfill.sql", "limit").lower():
        found.append(f"{folder.name}/backfill.sql: has no limit, so it changes all rows in one transaction")
    return found


def _contract(name: str, files: dict[str, str]) -> list[str]:
    of = _CONTRACT.match(files["contract.sql"])
    found = []
    if of is None or of.group(1) >= name:
        found.append(
            f"{name}/contract.sql: its first line says which earlier expansion it ends: `-- contract of v0002`"
        )
    if len(files) > 1:
        found.append(f"{name}: a contraction is a migration of its own, a release after the expansion")
    return found
