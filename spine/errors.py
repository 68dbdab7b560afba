"""One tree of errors, split by what the caller does about them.

    OpsSpineError
    ├── Transient   try again: the world was busy
    ├── Refused     policy or input said no: show it to a human
    │   └── Fenced  somebody else holds it now: end, and touch nothing more
    └── Broken      our own promise is broken: page somebody

Every message says what happened, what it means and what to do next.
"""


class OpsSpineError(Exception):
    """Base of every error raised on purpose."""


class Transient(OpsSpineError):
    """The same call may succeed later; retry with a delay."""


class Refused(OpsSpineError):
    """A rule refused the request. `code` is stable and machine-readable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Fenced(Refused):
    """Somebody else has taken it over since; the caller ends, and whoever has it now goes on."""


class Broken(OpsSpineError):
    """An invariant does not hold; no retry will mend it."""
