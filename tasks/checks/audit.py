"""The audit trail: it can be written, and the end of every chain holds together."""

from datetime import timedelta

from sqlalchemy import Connection, text

from spine.health import Reading, Status, well
from spine.settings import Settings
from spine.severity import Severity
from store import audit
from tasks.checks import Check, Ports

_DO = "Run `opsspine audit verify`: it names the first bad entry. Keep the database as it is, it is evidence."


def ask(ports: Ports) -> Reading:
    """Recompute the newest entries of every chain, and try an append that is taken back."""
    with ports.database.system() as connection:
        bad = audit.bad_tails(connection, ports.settings.health.audit_tail_entries)
        chains = len(audit.tenants(connection))
        if not bad:
            _append_and_forget(connection)
    if bad:
        named = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        return Reading(
            status=Status.FAIL, said=f"the audit trail of {named} does not hold together at its end",
            observed=float(len(bad)), unit="chains", means="Somebody, or a fault, has changed what was written down.",
            do=_DO,
        )  # fmt: skip
    return well(f"{chains} chains hold together and can be written", float(chains), "chains")


def _append_and_forget(connection: Connection) -> None:
    """Without a trail no action runs, so that it can be written is looked at before one has to."""
    attempt = connection.begin_nested()
    connection.execute(text("select audit_append('_', '{}'::uuid[], '{}'::text[])"))
    attempt.rollback()


def _every(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.health.audit_minutes)


CHECK = Check(
    key="audit", ask=ask, severity=Severity.CRITICAL, every=_every,
    means="It is not known whether the audit trail is whole. What cannot be written down is not done.", do=_DO,
)  # fmt: skip
