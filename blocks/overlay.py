"""Settings from Prefect blocks: what is saved there under the name `opsspine` wins over the environment.

Switched on by `OPSSPINE_PREFECT__BLOCKS=true`, for it makes every process wait for the orchestrator at its start.
"""

import asyncio
import os
from typing import TypeVar

import httpx
from prefect.blocks.core import Block
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from blocks.credentials import (
    ALL,
    NAME,
    SpineDatabase,
    SpineIdentity,
    SpineSlack,
    SpineSmtp,
    SpineStepUp,
    SpineWebhook,
)
from spine.settings import Settings

B = TypeVar("B", bound=Block)
_GROUPS: dict[type[Block], str] = {
    SpineSlack: "SLACK",
    SpineSmtp: "SMTP",
    SpineWebhook: "WEBHOOK",
    SpineIdentity: "IDENTITY__PROVIDERS__MAIN",
}


async def register() -> None:
    """Make the block types known to the server, so that people can fill them in in Prefect UI."""
    await asyncio.gather(*(block.aregister_type_and_schema() for block in ALL))


async def settings_from_blocks() -> Settings:
    """The settings of this process, and of those it starts: the environment's, with saved blocks put over them."""
    settings = Settings()
    if settings.prefect.blocks:
        await answering(settings.prefect.url)
        os.environ.update(await variables())
    return Settings()


async def variables() -> dict[str, str]:
    """What the saved blocks say, as environment variables."""
    found: dict[str, str] = {}
    for kind, group in _GROUPS.items():
        block = await _saved(kind)
        for name, value in _fields(block).items() if block else ():
            found[f"OPSSPINE_{group}__{name.upper()}"] = value
    if database := await _saved(SpineDatabase):
        found["DATABASE_URL"] = database.url.get_secret_value()
    if step_up := await _saved(SpineStepUp):
        found["OPSSPINE_SECRET_KEY"] = step_up.secret_key.get_secret_value()
    return found


def _fields(block: Block) -> dict[str, str]:
    own = {name: getattr(block, name) for name in type(block).model_fields}
    plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in own.items()}
    return {k: str(v) for k, v in plain.items() if v is not None}


async def _saved(kind: type[B]) -> B | None:
    """The block `opsspine` of this kind, or None."""
    try:
        return await kind.aload(NAME)
    except (ObjectNotFound, ValueError):  # Prefect says ValueError for a missing block document
        return None


async def answering(url: str) -> None:
    """Return once the orchestrator's server answers at `url`."""
    async with httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{url}/health", timeout=2)).status_code == 200:
                    return
            except httpx.HTTPError:
                pass  # not there yet
            await asyncio.sleep(0.1)
