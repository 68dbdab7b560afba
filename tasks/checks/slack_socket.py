"""Socket Mode: the process that hears Slack, and how many of its connections hold."""

from spine.health import Reading, Status, well
from spine.span import span
from store.heartbeats import beats
from tasks.checks import Check, Ports

_COMPONENT = "slack"
"""Under which the process gives its signs of life (deployments/slack_socket.py)."""
_MEANS = "Clicks and commands in Slack are not heard; messages go out, and the console and the command line work on."


def ask(ports: Ports) -> Reading:
    """The latest sign of life, where an app token says that there should be one."""
    if ports.settings.slack.app_token is None:
        return well("not configured: Slack comes in over HTTP, or not at all")
    with ports.database.system() as connection:
        seen = beats(connection).get(_COMPONENT)
    if seen is None:
        return _ill("it was never heard of", "See whether `python -m deployments.slack_socket` runs.")
    at, detail = seen
    silence = ports.clock.now() - at
    if silence.total_seconds() > ports.settings.health.slack_socket_silence_seconds:
        do = "Look at logs/slack.log in the data folder; the supervisor starts the process again by itself."
        return _ill(f"nothing was heard of it for {span(silence)}", do)
    held = int(detail.get("connections", 0))
    if held == 0:
        return _ill("it holds no connection to Slack", "See whether this machine reaches Slack, and the app token.")
    return well(f"{held} connections hold", held)


def _ill(said: str, do: str) -> Reading:
    return Reading(status=Status.WARN, said=said, means=_MEANS, do=do)


CHECK = Check(
    key="slack_socket", ask=ask, comfort=True, means=_MEANS,
    do="See whether the database answers.",
)  # fmt: skip
