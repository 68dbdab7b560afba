"""Checkpoints: when the heads of the audit chains were last signed, and whether they still agree."""

from datetime import timedelta

from spine.health import Reading, Status, well
from spine.severity import Severity
from spine.span import span
from store.heartbeats import beats
from tasks.checks import Check, Ports

_MEANS = "If the end of the audit trail were cut off now, nothing signed would show it."
_DO = "Look at the newest run of `reconcile` in Prefect UI; `opsspine audit checkpoint` signs now."


def ask(ports: Ports) -> Reading:
    """The heartbeat of whoever signs."""
    with ports.database.system() as connection:
        seen = beats(connection).get("checkpoint")
    if seen is None:
        return Reading(status=Status.WARN, said="none was ever signed", means=_MEANS, do=_DO)
    age = ports.clock.now() - seen[0]
    if problems := int(seen[1].get("problems", 0)):
        return Reading(
            status=Status.FAIL, said=f"{problems} chains do not contain what was signed before",
            observed=float(problems), unit="chains", means="A chain was rewritten or cut.",
            do="Run `opsspine audit verify`: it names the first bad entry. Keep the database as it is.",
        )  # fmt: skip
    said, seconds = f"signed {span(age)} ago", age.total_seconds()
    if age > timedelta(hours=2 * ports.settings.audit.checkpoint_hours):
        return Reading(status=Status.WARN, said=said, observed=seconds, unit="s", means=_MEANS, do=_DO)
    return well(said, seconds, "s")


CHECK = Check(key="checkpoint", ask=ask, severity=Severity.CRITICAL, means=_MEANS, do=_DO)
