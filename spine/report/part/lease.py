"""Open rollbacks: what is, or may be, still in force."""

from spine.audit import AuditAction
from spine.lease import LeaseState
from spine.report.account import Account
from spine.report.citation import Entry
from spine.report.fact import Fact, Row
from spine.report.model import Passage, Section, Table
from spine.report.term import Heading
from spine.report.word import utc

_COLUMNS = ("Action", "State", "Ends by itself", "Trouble")


def open_rollbacks(account: Account) -> Section:
    """Every lease that has not been taken back; where there is none, what shows it."""
    left = [one for one in account.leases if one.state is not LeaseState.REVERTED and one.ttl_seconds is not None]
    if left:
        rows = tuple(
            Row(
                (
                    one.action_key, one.state.value.replace("_", " "),
                    utc(one.expires_at) if one.expires_at else "not yet known", one.error or "",
                ),
                account.resting(account.about(f"lease:{one.id}")),
            )
            for one in left
        )  # fmt: skip
        return Section(Heading.OPEN, (Table(_COLUMNS, rows),))
    ended: tuple[Entry, ...] = account.of(AuditAction.ROLLBACK_EXECUTED)
    lasting = [one for one in account.leases if one.ttl_seconds is not None]
    text = "None: everything that was in force has been taken back." if lasting else "None: nothing was in force."
    return Section(Heading.OPEN, (Passage((Fact(text, account.resting(ended)),)),))
