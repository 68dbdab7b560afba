"""Drift: the base of a flag is no longer what a lease found when it began."""

from collections.abc import Mapping
from typing import Any


def drift(pre_image: Mapping[str, Any], version: int, sha256: str) -> str | None:
    """What a person changed by hand while the lease held the flag, in words; None = nothing.

    A rollback does not trample it: only the hold goes, and the person's version stays.
    """
    before = pre_image.get("version")
    if before == version:
        return None
    same = " (the same definition as before)" if pre_image.get("sha256") == sha256 else ""
    return f"edited by hand: version {before} became {version}{same}; the edit stays when the lease ends"
