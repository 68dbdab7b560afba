"""Settings: typed, with units in the names, read from the environment.

Every field can be set as `OPSSPINE_<GROUP>__<FIELD>`, for instance `OPSSPINE_DETECT__INTERVAL_SECONDS=5`.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from spine.settings.detect import DetectSettings
from spine.settings.drill import DrillSettings
from spine.settings.identity import IdentitySettings
from spine.settings.probe import ProbeSettings
from spine.settings.respond import ApprovalSettings, DecisionSettings, PolicySettings, VerifySettings

__all__ = [
    "ApprovalSettings",
    "AuditSettings",
    "DecisionSettings",
    "DetectSettings",
    "DrillSettings",
    "GatewaySettings",
    "IdentitySettings",
    "NotifySettings",
    "PolicySettings",
    "PrefectSettings",
    "ProbeSettings",
    "RetentionSettings",
    "Settings",
    "SlackSettings",
    "SmtpSettings",
    "VerifySettings",
    "WebhookSettings",
]


def _data_dir() -> Path:
    """Below /var/lib for root (PostgreSQL drops root and cannot enter /root), else in the user's own folder."""
    return Path("/var/lib/opsspine") if os.geteuid() == 0 else Path.home() / ".local/share/opsspine"


class GatewaySettings(BaseModel):
    """The HTTP edge."""

    host: str = "127.0.0.1"
    port: int = 8321
    max_body_bytes: int = 1024 * 1024
    max_ingest_bytes: int = 16 * 1024 * 1024
    public_url: str | None = None
    """How people reach it; default http://host:port."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class PrefectSettings(BaseModel):
    """The orchestrator."""

    host: str = "127.0.0.1"
    port: int = 4200
    api_url: str | None = None
    """An external server's API; unset = our own server is started."""
    query_seconds: float = 0.25
    """How often the runner asks for due runs."""
    blocks: bool = False
    """Take credentials from the Prefect blocks named `opsspine` where there are any."""
    run_limit: int = 8
    """Runs at once on this machine (about 100 MB each; waiting runs cost nothing)."""

    @property
    def url(self) -> str:
        """The API's base URL."""
        return self.api_url or f"http://{self.host}:{self.port}/api"

    @property
    def ui_url(self) -> str:
        """Where people look."""
        return self.url.removesuffix("/api")


class SlackSettings(BaseModel):
    """Slack: unset token = Slack is off and everything works without it."""

    bot_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    channel: str = "#auth-ops"
    base_url: str = "https://slack.com"


class SmtpSettings(BaseModel):
    """Mail: unset host = mail is off."""

    host: str | None = None
    port: int = 587
    username: str | None = None
    password: SecretStr | None = None
    starttls: bool = True
    sender: str = "opsspine@localhost"


class WebhookSettings(BaseModel):
    """The outgoing webhook, signed by Standard Webhooks: unset URL = off."""

    url: str | None = Field(default=None)
    secret: SecretStr | None = None
    """`whsec_` + base64, as `standardwebhooks` wants it."""
    timeout_seconds: float = 10


class NotifySettings(BaseModel):
    """Who is told, and how often at most."""

    mode: list[str] = ["log"]
    """The channels, each the name of a file in `tasks/notifiers`; an unknown one stops the start."""
    storm_count: int = 20
    """More messages than this within `storm_seconds` in one channel become a digest."""
    storm_seconds: float = 60
    max_attempts: int = 12


class AuditSettings(BaseModel):
    """The audit trail."""

    checkpoint_hours: float = Field(default=1, gt=0)
    """How often the heads of all chains are signed into `audit-checkpoints.txt` in the data folder. Keep copies of
    that file off the machine."""


class RetentionSettings(BaseModel):
    """How long things are kept."""

    event_days: int = 45
    metric_minute_hours: int = 48
    metric_hour_days: int = 400
    entity_days: int = 90
    """Countries of users and habits of administrators, since they were last seen. Source: RUNBOOKS 2.7."""
    days_ahead: int = 3
    message_days: int = 30
    """Delivered notifications and remembered requests."""


class Settings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="OPSSPINE_", env_nested_delimiter="__", extra="ignore", populate_by_name=True
    )

    env: Literal["dev", "staging", "prod"] = "prod"
    """Which column of the policy matrix holds: what needs approval in prod may need less elsewhere."""
    app_name: str = Field(default="App", validation_alias=AliasChoices("APP_NAME", "OPSSPINE_APP_NAME"))
    """The application's name, in every message."""
    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "OPSSPINE_DATABASE_URL")
    )
    """Unset = the embedded PostgreSQL in `data_dir`."""
    data_dir: Path = Field(default_factory=_data_dir)
    """Where the embedded PostgreSQL, the logs and the key file live."""
    secret_key: SecretStr | None = None
    """32 bytes, url-safe base64 (Fernet): encrypts TOTP secrets. Unset = `data_dir/secret.key` (0600)."""
    geoip_file: Path | None = None
    """A MaxMind file (GeoLite2 or GeoIP2, City or Country): tells where addresses are when events do not."""
    admin_email: str | None = None
    """Where mail goes, one address or several with commas."""
    gateway: GatewaySettings = GatewaySettings()
    prefect: PrefectSettings = PrefectSettings()
    slack: SlackSettings = SlackSettings()
    smtp: SmtpSettings = SmtpSettings()
    webhook: WebhookSettings = WebhookSettings()
    notify: NotifySettings = NotifySettings()
    detect: DetectSettings = DetectSettings()
    decision: DecisionSettings = DecisionSettings()
    policy: PolicySettings = PolicySettings()
    approval: ApprovalSettings = ApprovalSettings()
    verify: VerifySettings = VerifySettings()
    probe: ProbeSettings = ProbeSettings()
    identity: IdentitySettings = IdentitySettings()
    drill: DrillSettings = DrillSettings()
    audit: AuditSettings = AuditSettings()
    retention: RetentionSettings = RetentionSettings()
