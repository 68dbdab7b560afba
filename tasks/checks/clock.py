"""Clocks: the database's and this machine's agree. Deadlines and detection rest on both."""

from sqlalchemy import text

from spine.health import Reading, Status, well
from tasks.checks import Check, Ports

_MEANS = "Approvals and mitigations end too early or too late, and events seem to lie in the past or the future."
_DO = "Mend the time service (NTP) of the machine that is wrong."


def ask(ports: Ports) -> Reading:
    """The difference, less what the question took."""
    rules = ports.settings.health
    with ports.database.system() as connection:
        before = ports.clock.now()
        theirs = connection.execute(text("select clock_timestamp()")).scalar_one()
        after = ports.clock.now()
    skew = (theirs - (before + (after - before) / 2)).total_seconds()
    off = max(0.0, abs(skew) - (after - before).total_seconds() / 2)
    said = f"the database's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    if off <= rules.clock_warn_seconds:
        return well("both clocks agree", round(skew, 3), "s")
    status = Status.FAIL if off > rules.clock_fail_seconds else Status.WARN
    return Reading(status=status, said=said, observed=round(skew, 3), unit="s", means=_MEANS, do=_DO)


CHECK = Check(key="clock", ask=ask, means="It is not known whether the clocks agree.", do=_DO)
