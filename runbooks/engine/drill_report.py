"""The report of a drill, as Markdown: what was played, what was looked at, and how long it took."""

from runbooks.engine.rehearse import Rehearsed
from runbooks.engine.show import plain, utc
from spine.span import span
from tasks.drilling import Play


def report(play: Play, done: Rehearsed) -> str:
    """Everything somebody needs who asks whether the runbook can be relied on."""
    run = play.run
    verdict = "passed" if done.passed else "failed"
    lines = [
        f"# Drill {verdict}: {run.kind.value}, {plain(run.name)}",
        "",
        plain(play.drill.title) + ".",
        "",
        f"**Score {done.score:.0%}** · {'negative · ' if run.negative else ''}seed {run.seed} · tenant "
        f"`{plain(run.tenant_id)}` · {'decided by itself' if run.unattended else 'people were asked'} · by "
        f"{plain(run.who)} · {utc(run.started_at)}, {done.seconds:.0f} s",
        "",
        "| | looked at | expected | seen |",
        "|---|---|---|---|",
        *(
            f"| {'✓' if one.passed else '✗'} | {one.name} | {plain(one.expected)} | {plain(one.observed)} |"
            for one in done.assertions
        ),
        "",
        f"On its own clock: {done.found.ticks} ticks.",
        *(
            f"- {one.kind.value} ({one.severity.label}) opened at {utc(one.at)}, "
            f"{span(one.at - one.first_event_at)} after its first event"
            for one in done.found.opened
        ),
    ]
    if done.incident is not None:
        lines += ["", f"Its incident is `{done.incident.id}`: `opsspine incidents show {str(done.incident.id)[:8]}`."]
    return "\n".join(lines)
