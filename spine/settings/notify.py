"""Settings of what is told to whom: channels, routes, pagers, other systems."""

from pydantic import BaseModel, Field, SecretStr

from spine.incident import IncidentKind
from spine.route import Rule


class NotifySettings(BaseModel):
    """Who is told, and how often at most."""

    mode: list[str] = ["log"]
    """The channels, each the name of a file in `tasks/notifiers`; an unknown one stops the start."""
    rules: list[Rule] = []
    """Who hears of what, as JSON: docs/notifications.md. Unset = every channel hears everything, and mail beside Slack
    what somebody must act on. Rules that send a critical page nowhere stop the start."""
    storm_count: int = 20
    """More messages than this within `storm_seconds` in one channel become a digest."""
    storm_seconds: float = 60
    max_attempts: int = 12


class WebhookTarget(BaseModel):
    """One more receiver of webhooks, with a secret of its own."""

    url: str
    secret: SecretStr
    """`whsec_` + base64."""


class PagerDutySettings(BaseModel):
    """PagerDuty, Events API v2: unset routing key = off."""

    routing_key: SecretStr | None = None
    """The integration key of the service that is told."""
    services: dict[str, SecretStr] = {}
    """More integration keys by a name of yours: a rule sends there as `pagerduty:<name>`."""
    base_url: str = "https://events.pagerduty.com"
    timeout_seconds: float = Field(default=10, gt=0)


class AppriseSettings(BaseModel):
    """Apprise: a hundred more services, each by a URL. The URLs bear passwords and are treated as such."""

    urls: dict[str, SecretStr] = {}
    """URLs by a name of yours, as {"push": "pover://user@token"}. `apprise` tells all, `apprise:<name>` one of them."""
    schemas: list[str] = [
        "pover", "ntfys", "tgram", "twilio", "vonage", "clickatell", "msg91", "sinch", "sns", "signals", "discord",
        "msteams", "workflows", "gchat", "matrixs", "mmosts", "zulip", "pbul", "join", "prowl", "onesignal", "telegram",
        "whatsapp", "threema", "opsgenie", "pagerduty", "ifttt", "wxteams",
    ]  # fmt: skip
    """Services that people may name in contacts of their own. Those that would let somebody call any host (json, xml,
    form, syslog …) are left out on purpose."""
    timeout_seconds: float = Field(default=20, gt=0)
    """How long one service may take."""


class AlertmanagerSettings(BaseModel):
    """Alertmanager of Prometheus: its alerts in, our incidents out."""

    url: str | None = None
    """Where our incidents go as alerts (the channel `alertmanager`), as https://alerts.example.org; unset = off."""
    username: str | None = None
    password: SecretStr | None = None
    """Basic authentication, where Alertmanager asks for it."""
    bearer: SecretStr | None = None
    timeout_seconds: float = Field(default=10, gt=0)
    firing_hours: float = Field(default=24, gt=0)
    """For how long Alertmanager believes an alert of ours without hearing of it again."""
    kind_label: str = "opsspine_kind"
    """Label of an incoming alert that says which type of incident it is."""
    subject_label: str = "opsspine_subject"
    """Label that says what it is about; without it, the whole tenant: it joins what detection found there."""
    default_kind: IncidentKind | None = None
    """Type of alerts without that label; unset = they are ignored, and the answer says so."""
    max_alerts: int = Field(default=500, ge=1)
    """Alerts taken in one request."""


class OncallSettings(BaseModel):
    """On-call and escalation: schedules and policies are kept in the database (`opsspine oncall`)."""

    quiet_minutes: float = Field(default=30, gt=0)
    """A critical incident that was acknowledged and on which nothing happened for so long is paged anew. Judgement."""
    stuck_seconds: float = Field(default=30, gt=0)
    """A page whose channel does not work for so long counts as failed: the next step is taken. Judgement."""
    gap_days: float = Field(default=14, gt=0)
    """How far ahead a schedule is looked through for hours in which nobody is on call."""
