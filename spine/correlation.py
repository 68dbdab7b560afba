"""What caused what is done now: the id of the request at the edge, through flow runs to audit entries and messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CAUSE: ContextVar[str | None] = ContextVar("opsspine_request", default=None)


def cause() -> str | None:
    """The id of the request that led to what is done now; None = nobody asked, a schedule did."""
    return _CAUSE.get()


@contextmanager
def caused_by(request: str | None) -> Iterator[None]:
    """Within the block everything is caused by this request; None = as it was."""
    token = _CAUSE.set(request if request is not None else _CAUSE.get())
    try:
        yield
    finally:
        _CAUSE.reset(token)
