"""Settings: typed, with units in the names, read from the environment.

Every field can be set as `OPSSPINE_<GROUP>__<FIELD>`, for instance `OPSSPINE_DETECT__INTERVAL_SECONDS=5`.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from spine.settings.cluster import ClusterSettings
from spine.settings.console import ConsoleSettings
from spine.settings.detect import DetectSettings
from spine.settings.drill import DrillSettings
from spine.settings.flag import FlagSettings
from spine.settings.health import HealthSettings
from spine.settings.hook import HookSettings
from spine.settings.identity import IdentitySettings
from spine.settings.launch import LaunchSettings
from spine.settings.ml import MlSettings
from spine.settings.notify import (
    AlertmanagerSettings,
    AppriseSettings,
    NotifySettings,
    OncallSettings,
    PagerDutySettings,
    WebhookTarget,
)
from spine.settings.observe import ObserveSettings
from spine.settings.operation import OperationSettings
from spine.settings.probe import ProbeSettings
from spine.settings.report import ReportSettings
from spine.settings.respond import ApprovalSettings, DecisionSettings, PolicySettings, VerifySettings
from spine.settings.retention import RetentionSettings
from spine.settings.signin import SigninSettings
from spine.settings.slack import SlackSettings

__all__ = [
    "AlertmanagerSettings",
    "AppriseSettings",
    "ApprovalSettings",
    "AuditSettings",
    "ClusterSettings",
    "ConsoleSettings",
    "DecisionSettings",
    "DetectSettings",
    "DrillSettings",
    "FlagSettings",
    "GatewaySettings",
    "HealthSettings",
    "HookSettings",
    "IdentitySettings",
    "LaunchSettings",
    "MlSettings",
    "NotifySettings",
    "ObserveSettings",
    "OncallSettings",
    "OperationSettings",
    "PagerDutySettings",
    "PolicySettings",
    "PrefectSettings",
    "ProbeSettings",
    "ReportSettings",
    "RetentionSettings",
    "Settings",
    "SigninSettings",
    "SlackSettings",
    "SmtpSettings",
    "VerifySettings",
    "WebhookSettings",
    "WebhookTarget",
]


def _data_dir() -> Path:
    """Below /var/lib for root (PostgreSQL drops root and cannot enter /root), else in the user's own folder."""
    return Path("/var/lib/opsspine") if os.geteuid() == 0 else Path.home() / ".local/share/opsspine"


class GatewaySettings(BaseModel):
    """The HTTP edge."""

    host: str = "127.0.0.1"
    port: int = 8321
    workers: int | None = Field(default=None, ge=1, le=64)
    """Processes that serve it; default: one a core, at most four. Each holds its own streams and connections."""
    max_body_bytes: int = 1024 * 1024
    max_ingest_bytes: int = 16 * 1024 * 1024
    public_url: str | None = None
    """How people reach it; default http://host:port."""
    proxies: list[str] = ["127.0.0.1", "::1"]
    """Peers (addresses or networks) whose `X-Forwarded-For` is believed: the reverse proxies or the ingress before it.
    Without them every caller has the proxy's address, and shares its tries to sign in with all others."""
    answer_seconds: float = Field(default=8, ge=0, le=60)
    """How long a request that hands work to a run waits for what comes of it; then it says where to ask again."""

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
    more_api_urls: list[str] = []
    """Further servers of the same installation, where no load balancer stands before them: each process takes the first
    that answers."""
    work_pool: str | None = None
    """Runs are executed by workers of this pool, where `opsspine deploy` has registered them; unset = by our runner."""
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
    def urls(self) -> tuple[str, ...]:
        """The base URLs of all of its servers, each as good as another."""
        return (self.url, *self.more_api_urls)

    @property
    def ui_url(self) -> str:
        """Where people look."""
        return self.url.removesuffix("/api")


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
    targets: dict[str, WebhookTarget] = {}
    """More receivers by a name of yours: a rule sends there as `webhook:<name>`."""
    networks: list[str] = []
    """Networks (CIDR) of yours that a receiver's *name* may lead to; one given as an address needs no entry. Names that
    lead to private or local addresses elsewhere are refused."""


class AuditSettings(BaseModel):
    """The audit trail."""

    checkpoint_hours: float = Field(default=1, gt=0)
    """How often the heads of all chains are signed into `audit-checkpoints.txt` in the data folder. Keep copies of
    that file off the machine."""


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
    redis_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("REDIS_URL", "OPSSPINE_REDIS_URL"))
    """What several servers of Prefect's share their messages through (docs/production.md); one alone needs none."""
    data_dir: Path = Field(default_factory=_data_dir)
    """Where the embedded PostgreSQL, the logs and the key file live."""
    secret_key: SecretStr | None = None
    """32 bytes, url-safe base64 (Fernet): encrypts TOTP secrets. Unset = `data_dir/secret.key` (0600)."""
    sentry_dsn: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("SENTRY_DSN", "OPSSPINE_SENTRY_DSN")
    )
    """Where errors are reported, secrets hidden; unset = nowhere."""
    otlp_endpoint: str | None = Field(
        default=None, validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT", "OPSSPINE_OTLP_ENDPOINT")
    )
    """Where traces go (OTLP over HTTP, the base URL); unset = none are made."""
    geoip_file: Path | None = None
    """A MaxMind file (GeoLite2 or GeoIP2, City or Country): tells where addresses are when events do not."""
    admin_email: str | None = None
    """Where mail goes, one address or several with commas."""
    cluster: ClusterSettings = ClusterSettings()
    gateway: GatewaySettings = GatewaySettings()
    prefect: PrefectSettings = PrefectSettings()
    slack: SlackSettings = SlackSettings()
    smtp: SmtpSettings = SmtpSettings()
    webhook: WebhookSettings = WebhookSettings()
    notify: NotifySettings = NotifySettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    apprise: AppriseSettings = AppriseSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    oncall: OncallSettings = OncallSettings()
    detect: DetectSettings = DetectSettings()
    decision: DecisionSettings = DecisionSettings()
    policy: PolicySettings = PolicySettings()
    approval: ApprovalSettings = ApprovalSettings()
    verify: VerifySettings = VerifySettings()
    probe: ProbeSettings = ProbeSettings()
    identity: IdentitySettings = IdentitySettings()
    hook: HookSettings = HookSettings()
    signin: SigninSettings = SigninSettings()
    drill: DrillSettings = DrillSettings()
    launch: LaunchSettings = LaunchSettings()
    operation: OperationSettings = OperationSettings()
    flag: FlagSettings = FlagSettings()
    console: ConsoleSettings = ConsoleSettings()
    ml: MlSettings = MlSettings()
    audit: AuditSettings = AuditSettings()
    health: HealthSettings = HealthSettings()
    observe: ObserveSettings = ObserveSettings()
    report: ReportSettings = ReportSettings()
    retention: RetentionSettings = RetentionSettings()
