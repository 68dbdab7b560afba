"""`python -m deployments.demo.fake_slack --port 9999 --app-url http://127.0.0.1:8321`: a fake Slack as a process."""

from typing import Annotated

import typer
import uvicorn

from deployments.demo.fake_slack import FakeSlack, create_app

_DEFAULTS = FakeSlack()


def serve(
    port: Annotated[int, typer.Option(help="Where to listen, on 127.0.0.1.")],
    app_url: Annotated[str, typer.Option(help="Base URL of the app that gets the clicks.")] = "",
    signing_secret: Annotated[str, typer.Option(help="Shared with the app.")] = _DEFAULTS.signing_secret,
    bot_token: Annotated[str, typer.Option(help="What the app must present.")] = _DEFAULTS.bot_token,
    app_token: Annotated[str, typer.Option(help="What it must present to connect.")] = _DEFAULTS.app_token,
    socket_mode: Annotated[bool, typer.Option("--socket-mode", help="The app connects by itself.")] = False,
) -> None:
    """Serve until ended."""
    slack = FakeSlack(
        app_url=app_url, url=f"http://127.0.0.1:{port}", signing_secret=signing_secret, bot_token=bot_token,
        app_token=app_token, socket_mode=socket_mode,
    )  # fmt: skip
    uvicorn.run(create_app(slack), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    typer.run(serve)
