"""Settings of diagnostics: where probes may go, and what they look at."""

import re
from ipaddress import ip_network
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, field_validator

from spine.probe import host_name, split_port

_CANARY = re.compile(r"^[A-Za-z0-9-]{16,}\Z")


class OidcSettings(BaseModel):
    """One identity provider, as it is known good."""

    issuer: str
    """Exactly as its tokens say it."""
    redirect_uris: list[str] = []
    """Redirect URIs registered there, character by character."""
    endpoints: dict[str, str] = {}
    """Known good values of its discovery document, as {"jwks_uri": "https://…"}."""
    verifiers: dict[str, str] = {}
    """URLs (HTTPS) under which verifiers and caches show the key set they hold, by name."""


class MailSettings(BaseModel):
    """The domain that resets and verifications are sent from."""

    domain: str | None = None
    """Unset = its records are unknown."""
    dkim_selectors: list[str] = []
    """Selectors the senders sign with."""
    spf_must_include: list[str] = []
    """Domains of providers that the SPF record must include."""
    servers: list[str] = []
    """Mail servers to greet, "host" (port 25) or "host:587"; allowlist them in `hosts`, too."""
    ehlo_name: str = "opsspine.invalid"
    """The name the probe greets with."""


class IsolationSettings(BaseModel):
    """The synthetic tenants A and B. A must never see or change B's canary."""

    token_a: SecretStr | None = None
    """Bearer token of tenant A. Unset = the probe answers unknown."""
    token_b: SecretStr | None = None
    """Bearer token of tenant B; proves that the canary is there."""
    canary: SecretStr | None = None
    """Text that only B's object contains: at least 16 letters, digits or -, which no format writes differently."""
    own_url: str | None = None
    """Something A may read: proves that A's token works, without which a refusal proves nothing."""
    read_url: str | None = None
    """B's object."""
    list_url: str | None = None
    """A list that holds B's object when B asks."""
    write_url: str | None = None
    """Where a PUT by A must be refused. Point it at a canary object, never at real data."""

    @field_validator("canary")
    @classmethod
    def _canary(cls, canary: SecretStr | None) -> SecretStr | None:
        if canary is not None and not _CANARY.match(canary.get_secret_value()):
            raise ValueError("a canary is at least 16 letters, digits or -, or it may be there by chance")
        return canary


class ProbeSettings(BaseModel):
    """Where probes may go, and for how long."""

    hosts: list[str] = []
    """The only hosts a probe may connect to: "host" for the protocol's usual port, or "host:8443"."""
    networks: list[str] = []
    """Private networks (CIDR) that hosts of the list may lie in; without it they are refused."""
    resolver: str | None = None
    """The DNS server to ask, as "192.0.2.53" or "192.0.2.53:5353". Unset = those of the system."""
    ca_file: Path | None = None
    """Certificates (PEM) trusted beside the system's."""
    timeout_seconds: float = Field(default=5, gt=0, le=5)
    """For one probe from the first look-up to the last byte. Source: RUNBOOKS 0."""
    total_seconds: float = Field(default=30, gt=0, le=60)
    """For one diagnostic with all its probes; what has not answered by then is unknown. Judgement."""
    max_body_bytes: int = Field(default=1024 * 1024, gt=0, le=1024 * 1024)
    """A longer answer is refused. Source: RUNBOOKS 0."""
    certificate_days: float = Field(default=14, gt=0)
    """A certificate that ends sooner is bad. Source: RUNBOOKS 2.2."""
    max_skew_seconds: float = Field(default=60, gt=0)
    """Clocks further apart are bad. Source: RUNBOOKS 2.2 and 2.4."""
    oidc: dict[str, OidcSettings] = {}
    """Identity providers by name, as {"google": {"issuer", "redirect_uris", "endpoints", "verifiers"}}."""
    mail: MailSettings = MailSettings()
    isolation: IsolationSettings = IsolationSettings()

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: list[str]) -> list[str]:
        for entry in hosts:
            try:
                host_name(split_port(entry)[0])
            except Exception as error:
                raise ValueError(f"{entry!r} is no host or host:port: {error}") from error
        return hosts

    @field_validator("networks")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for text in networks:
            network = ip_network(text)
            if network.prefixlen < (8 if network.version == 4 else 16):
                raise ValueError(f"{text} is wider than /8 (IPv6: /16); name the network the hosts are in")
        return networks
