"""How facts are cited where there is little room: few entries one by one, many as the first and the last."""

from spine.report.citation import Entries

_SINGLE = 4
"""So many entries are cited one by one."""


def marks(entries: Entries) -> tuple[str, ...]:
    """The parts of a citation: "#12 ab12cd" each; of many the first, "… 40 entries …", and the last.

    The list of entries at the end of a report has every one of them.
    """
    if len(entries) <= _SINGLE:
        return tuple(one.mark for one in entries)
    return (entries[0].mark, f"… {len(entries)} entries …", entries[-1].mark)


def citation(entries: Entries) -> str:
    """The citation as text: "[#12 ab12cd, #13 0f9e21]"."""
    return f"[{', '.join(marks(entries))}]".replace(", …", " …").replace("…, ", "… ")
