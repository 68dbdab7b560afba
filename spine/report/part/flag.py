"""Flags before and after: what each was, what held it, and what it is again."""

from spine.audit import AuditAction
from spine.report.account import Account
from spine.report.citation import Entry, some
from spine.report.fact import Fact, Row
from spine.report.model import Passage, Section, Table
from spine.report.term import Heading
from spine.report.word import clock, plainly

_COLUMNS = ("Flag", "Before", "Held at", "From (UTC)", "Until (UTC)", "After")


def flags(account: Account) -> Section:
    """One row for each time a flag was held."""
    changes = account.of(AuditAction.FLAG_CHANGED)
    holds = [(one, hold) for one in changes if (hold := _hold(one.after))]
    rows = tuple(_row(account, entry, hold, changes) for entry, hold in holds)
    if not rows:
        return Section(Heading.FLAGS, (Passage((Fact("No flag was held or changed.", (account.latest,)),)),))
    return Section(Heading.FLAGS, (Table(_COLUMNS, rows),))


def _hold(side: object) -> dict[str, object] | None:
    found = side.get("hold") if isinstance(side, dict) else None
    return found if isinstance(found, dict) else None


def _row(account: Account, entry: Entry, hold: dict[str, object], changes: tuple[Entry, ...]) -> Row:
    lease = hold.get("lease")
    later = [one for one in changes if one.seq > entry.seq and _hold(one.after) is None]
    released = [one for one in later if (_hold(one.before) or {}).get("lease") == lease]
    key = entry.subject.partition(":")[2]
    before, planned = _before(account, key)
    cells = (
        key, before, str(hold.get("variant")), clock(entry.at), clock(released[0].at) if released else "still held",
        _after(before) if released else "still held",
    )  # fmt: skip
    return Row(cells, some([entry, *released[:1], *planned]) or (entry,))


def _before(account: Account, key: str) -> tuple[str, list[Entry]]:
    """The base the plan was made against, and the entry of that plan."""
    for plan in account.decisions:
        entry = account.decided(plan)
        for change in plan.recommended_flags if entry else ():
            if change.key == key and entry:
                return f"{plainly(change.from_value)} (version {change.expected_version})", [entry]
    return "its base", []


def _after(before: str) -> str:
    return f"its base again: {before}" if before != "its base" else "its base again"
