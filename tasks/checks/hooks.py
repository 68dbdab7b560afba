"""Plug-ins that listen in: whether one raised, hung or answered nonsense of late."""

from datetime import timedelta

from spine.health import Reading, Status, well
from spine.span import span
from store.hooks import faults
from tasks.checks import Check, Ports

_MEANS = (
    "What a plug-in was to hear or to say was left out; gates and approvals hold without it. Actions do not run without"
    " the word of one that OPSSPINE_HOOK__REQUIRED names."
)
_DO = "Mend the package, or take it out. `opsspine audit` shows each of its first faults (hook.failed)."
_SHOWN = 3


def ask(ports: Ports) -> Reading:
    """The faults written down within `health.hook_minutes`."""
    within = timedelta(minutes=ports.settings.health.hook_minutes)
    since = ports.clock.now() - within
    with ports.database.system() as connection:
        recent = [one for one in faults(connection) if one.last_at >= since]
    if not recent:
        return well(f"no plug-in failed within {span(within)}")
    named = [f"{one.plugin} at {one.hook} ({one.kind}, {one.times} in all)" for one in recent[:_SHOWN]]
    more = f" and {len(recent) - _SHOWN} more" if len(recent) > _SHOWN else ""
    said = f"within {span(within)} failed: {', '.join(named)}{more}"
    return Reading(status=Status.WARN, said=said[:300], means=_MEANS, do=_DO, observed=len(recent))


CHECK = Check(key="hooks", ask=ask, comfort=True, means=_MEANS, do=_DO)
