"""Lengths of time as people read them."""

from datetime import timedelta

_UNITS = (("h", 3600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """`length` in hours, minutes and seconds, those that are nought left out: "2 min 10 s", "1 h", "0 s".

    Under ten seconds a tenth counts; above, whole seconds do.
    """
    seconds = abs(length.total_seconds())
    if round(seconds, 1) < 10:
        told = f"{round(seconds, 1):g} s"
    else:
        rest, parts = round(seconds), []
        for name, size in _UNITS:
            count, rest = divmod(rest, size)
            parts += [f"{count} {name}"] if count else []
        told = " ".join(parts)
    return f"-{told}" if length < timedelta(0) else told
