"""Typed blocks: credentials kept in Prefect, encrypted there, and the clients made from them.

Each mirrors one group of the settings, name by name. `blocks/overlay.py` puts saved ones over the environment.
"""

import smtplib
import ssl
from typing import Any, ClassVar, Literal

import psycopg
from prefect.blocks.core import Block
from pydantic import Field, SecretStr
from slack_sdk import WebClient
from standardwebhooks import Webhook

from spine.settings.identity import IdentityProviderSettings

NAME = "opsspine"
"""The name under which the spine looks for its blocks."""

_CONNECT_SECONDS = 10


class SpineDatabase(Block):
    """Where the spine's state is."""

    _block_type_name: ClassVar[str] = "Opsspine Database"
    _block_type_slug: ClassVar[str] = "opsspine-database"
    url: SecretStr = Field(description="postgresql://user:password@host/database; PostgreSQL 16 or newer.")

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """An open connection, to see whether the credentials work; the spine keeps pools of its own."""
        return psycopg.connect(self.url.get_secret_value(), connect_timeout=_CONNECT_SECONDS)


class SpineSlack(Block):
    """The Slack app that asks for approvals."""

    _block_type_name: ClassVar[str] = "Opsspine Slack"
    _block_type_slug: ClassVar[str] = "opsspine-slack"
    bot_token: SecretStr = Field(description="xoxb-…, scopes chat:write, users:read.")
    signing_secret: SecretStr = Field(description="Verifies that a click comes from Slack.")
    channel: str = Field(default="#auth-ops", description="Where prompts are posted.")
    base_url: str = Field(default="https://slack.com", description="Slack's own; another one for tests.")

    def client(self) -> WebClient:
        """A client of the Web API."""
        return WebClient(token=self.bot_token.get_secret_value(), base_url=f"{self.base_url.rstrip('/')}/api/")


class SpineSmtp(Block):
    """The mail server that carries notifications."""

    _block_type_name: ClassVar[str] = "Opsspine SMTP"
    _block_type_slug: ClassVar[str] = "opsspine-smtp"
    host: str = Field(description="The mail server's name.")
    port: int = Field(default=587, description="587 with STARTTLS is usual.")
    username: str | None = Field(default=None, description="Unset = no login.")
    password: SecretStr | None = Field(default=None, description="Of that user.")
    starttls: bool = Field(default=True, description="Encrypt before logging in.")
    sender: str = Field(default="opsspine@localhost", description="The From address.")

    def connect(self) -> smtplib.SMTP:
        """An open session, encrypted and logged in as configured; close it after use."""
        session = smtplib.SMTP(self.host, self.port, timeout=_CONNECT_SECONDS)
        if self.starttls:
            session.starttls(context=ssl.create_default_context())
        if self.username and self.password:
            session.login(self.username, self.password.get_secret_value())
        return session


class SpineWebhook(Block):
    """The receiver of signed webhooks."""

    _block_type_name: ClassVar[str] = "Opsspine Webhook"
    _block_type_slug: ClassVar[str] = "opsspine-webhook"
    url: str = Field(description="Gets CloudEvents as JSON by POST.")
    secret: SecretStr = Field(description="whsec_…, the shared secret of Standard Webhooks.")
    timeout_seconds: float = Field(default=10, gt=0, description="Per delivery.")

    def signer(self) -> Webhook:
        """Signs and verifies payloads."""
        return Webhook(self.secret.get_secret_value())


class SpineIdentity(Block):
    """The identity provider called main: the one of every tenant that has none of its own."""

    _block_type_name: ClassVar[str] = "Opsspine Identity Provider"
    _block_type_slug: ClassVar[str] = "opsspine-identity"
    kind: Literal["keycloak", "auth0", "okta", "webhook"] = Field(description="Whose admin API it has.")
    url: str = Field(description="Base URL; docs/identity-providers.md has an example for each kind.")
    realm: str = Field(default="", description="Keycloak: the realm of the users.")
    client_id: str = Field(default="", description="Keycloak and Auth0: the machine-to-machine client.")
    client_secret: SecretStr | None = Field(default=None, description="Keycloak and Auth0: its secret.")
    token: SecretStr | None = Field(default=None, description="Okta: an API token.")
    secret: SecretStr | None = Field(default=None, description="Webhook: whsec_…, to sign with.")
    users_are: Literal["id", "username", "email"] = Field(
        default="id", description="What user_id of the application's events is at the provider."
    )

    def checked(self) -> IdentityProviderSettings:
        """The same as settings, complete or refused; roles of administrators are set beside it."""
        return IdentityProviderSettings(**{name: getattr(self, name) for name in type(self).model_fields})


class SpineStepUp(Block):
    """The key that seals second-factor secrets; without it no approval can be proven."""

    _block_type_name: ClassVar[str] = "Opsspine Step-Up"
    _block_type_slug: ClassVar[str] = "opsspine-step-up"
    secret_key: SecretStr = Field(description="32 bytes, url-safe base64, as Fernet wants it.")


ALL: tuple[type[Block], ...] = (SpineDatabase, SpineSlack, SpineSmtp, SpineWebhook, SpineIdentity, SpineStepUp)
