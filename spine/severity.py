"""How bad an incident is."""

from enum import IntEnum


class Severity(IntEnum):
    """Ascending, as the on-call practice of RUNBOOKS has it: 3 pages, 0 waits in a queue."""

    INFO = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3

    @property
    def label(self) -> str:
        """The word people read."""
        return self.name.lower()
