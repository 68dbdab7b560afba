"""Settings of Slack."""

from pydantic import BaseModel, Field, SecretStr


class SlackSettings(BaseModel):
    """Slack: unset token = Slack is off and everything works without it. Setting it up: docs/slack.md."""

    bot_token: SecretStr | None = None
    """xoxb-…: by it we post."""
    signing_secret: SecretStr | None = None
    """Proves that what comes in over HTTP comes from Slack. Unset = nothing comes in over HTTP."""
    app_token: SecretStr | None = None
    """xapp-…, with connections:write: switches Socket Mode on, where Slack cannot reach us over HTTP."""
    channel: str = "#auth-ops"
    """Where incidents are told, as a name or, better, as an id (C…): only by its id is a channel's history read."""
    base_url: str = "https://slack.com"
    answer_seconds: float = Field(default=2.0, gt=0, lt=3)
    """After this a click is acknowledged although its decision is still being written. Slack gives up after three."""
    edit_seconds: float = Field(default=2.0, ge=0)
    """Between two edits of one incident's first message. Slack takes some fifty edits a minute from an app."""
    home_days: float = Field(default=14, gt=0)
    """App Homes that nobody has looked at for so long are not kept current any more."""
