"""Settings from Prefect blocks: what is saved there under the name `opsspine` wins over the environment."""

from typing import TypeVar

from prefect.blocks.core import Block
from prefect.exceptions import ObjectNotFound

from blocks.credentials import ALL, NAME, SpineDatabase, SpineSlack, SpineSmtp, SpineStepUp, SpineWebhook
from spine.settings import Settings

B = TypeVar("B", bound=Block)


async def register() -> None:
    """Make the block types known to the server, so that people can fill them in in Prefect UI."""
    for block in ALL:
        await block.aregister_type_and_schema()


async def overlay(settings: Settings) -> Settings:
    """`settings` with every saved block put over its group; unchanged where none is saved."""
    changes: dict[str, object] = {}
    if database := await _saved(SpineDatabase):
        changes["database_url"] = database.url.get_secret_value()
    if slack := await _saved(SpineSlack):
        changes["slack"] = slack.settings()
    if smtp := await _saved(SpineSmtp):
        changes["smtp"] = smtp.settings()
    if webhook := await _saved(SpineWebhook):
        changes["webhook"] = webhook.settings()
    if step_up := await _saved(SpineStepUp):
        changes["secret_key"] = step_up.secret_key
    return settings.model_copy(update=changes)


async def _saved(kind: type[B]) -> B | None:
    """The block `opsspine` of this kind, or None."""
    try:
        return await kind.aload(NAME)
    except (ObjectNotFound, ValueError):  # Prefect says ValueError for a missing block document
        return None
