"""Settings of `opsspine cluster`: how many of each process, and where the first of each listens."""

from pydantic import BaseModel, Field


class ClusterSettings(BaseModel):
    """The topology of many machines as processes of one (docs/production.md). Ports count up from those of the gateway
    and of Prefect."""

    prefect_apis: int = Field(default=2, ge=1, le=8)
    """Servers of Prefect's API; its background services are one process more."""
    gateways: int = Field(default=2, ge=1, le=8)
    runners: int = Field(default=2, ge=1, le=8)
    relays: int = Field(default=2, ge=1, le=8)
    redis_port: int = Field(default=6390, ge=1, le=65535)
    """Where its own Redis listens; with `REDIS_URL` set none is started."""
    silence_seconds: float = Field(default=30, gt=0)
    """A runner whose Prefect API is silent for so long, while another one answers, ends: what starts it again gives it
    to the one that answers. Longer than an API takes to start again."""
