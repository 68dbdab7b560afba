"""SQL that is too long for a line of Python lies in `store/sql/<name>.sql`."""

from functools import cache
from pathlib import Path


@cache
def sql(name: str) -> str:
    """The text of one file."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text()
