"""What somebody chose from a list, out of an address or a form."""

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)


def chosen(among: type[E], text: str) -> E | None:
    """The member of `among` that `text` is; None = it is none, as when nothing was chosen."""
    return next((one for one in among if one.value == text), None)
