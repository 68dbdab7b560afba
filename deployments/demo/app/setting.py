"""What the application is told at its start: the environment variables that begin with SHOP_."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ShopSettings(BaseSettings):
    """Where it listens, where its data lies, where events go and where flags come from."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    host: str = "127.0.0.1"
    port: int = 8400
    name: str = "Corner Shop"
    data_file: Path = Path("shop.sqlite")
    users_file: Path | None = None
    """NDJSON of {"name", "password"}: people who get an account at the start."""
    events_url: str
    events_key: SecretStr
    flags_url: str
    """Base URL of an OFREP server, without /ofrep."""
    flags_key: SecretStr
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Peers whose X-Forwarded-For is believed."""
    ignore_flags: bool = False
    """Leave every protection at its default: the application as if nobody had connected its flags."""
    flag_cache_seconds: float = 1.0
    flag_timeout_seconds: float = 1.0
    batch_seconds: float = 0.25
    """Events wait this long at most before they are posted."""


def shop_settings(**values: Any) -> ShopSettings:
    """Settings from the environment, with `values` on top."""
    return ShopSettings(**values)
