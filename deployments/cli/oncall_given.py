"""What commands about on-call are given: whose, when, and files; each checked before anything is written."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from spine.errors import Refused
from spine.ids import TenantId, tenant_id
from spine.person import EVERY_TENANT

M = TypeVar("M", bound=BaseModel)
Tenant = Annotated[str, typer.Option(help="Whose; '*' = every tenant's.")]
File = Annotated[Path, typer.Argument(help="JSON: docs/on-call.md shows one.", exists=True, dir_okay=False)]


def whose(tenant: str) -> TenantId:
    """The tenant of that name, or all of them."""
    return EVERY_TENANT if tenant == EVERY_TENANT else tenant_id(tenant)


def moment_of(text: str) -> datetime:
    """A moment as people write it; without a zone it is UTC.

    Raises:
        Refused: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused("oncall.moment", f"{text!r} is no moment; write it as 2026-03-29T02:00+01:00.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read(model: type[M], file: Path) -> M:
    """What `file` says, as JSON.

    Raises:
        Refused: it cannot be read, or is no `model`.
    """
    try:
        given = json.loads(file.read_text())
    except (ValueError, OSError) as error:
        raise Refused("oncall.file", f"{file} cannot be read as JSON: {error}. Nothing was written.") from error
    return checked(model, given)


def checked(model: type[M], given: object) -> M:
    """`given` as a `model`.

    Raises:
        Refused: it is none; every fault is named.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Refused("oncall.value", f"That cannot be: {told}. Nothing was written.") from error
