"""What the shell offers when Tab is pressed: ids, types, tenants, from the running spine; nothing when it is silent."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

import typer
from sqlalchemy import text
from typer.models import ArgumentInfo, OptionInfo

from spine.incident import AUTH_KINDS
from store.leases import OPEN

Offer = Callable[[str], list[tuple[str, str]]]
_MOST = 50
_QUERIES = {
    "incident": "select id::text, status || ', ' || kind || ', ' || tenant_id from incidents"
    " where starts_with(id::text, :start) order by (status = 'resolved'), opened_at desc limit :n",
    "approval": "select id::text, gate || ', ' || tenant_id from approvals"
    " where starts_with(id::text, :start) and status = 'pending' order by expires_at limit :n",
    "lease": "select id::text, action_key || ', ' || tenant_id from leases"  # noqa: S608 - a constant
    f" where starts_with(id::text, :start) and {OPEN} order by created_at desc limit :n",
    "suppression": "select id::text, reason || ', ' || tenant_id from suppressions"
    " where starts_with(id::text, :start) and ends_at > now() and cancelled_at is null order by ends_at limit :n",
    "tenant": "select tenant_id, 'tenant' from audit_heads where starts_with(tenant_id, :start) order by 1 limit :n",
    "email": "select email, name from people where starts_with(email, :start) order by 1 limit :n",
}
_NAMES = {
    "incident": "incident", "approval": "approval", "lease": "lease", "suppression": "suppression", "tenant": "tenant",
    "email": "email", "as_": "email", "who": "email",
}  # fmt: skip
"""Parameters of commands by name, and what is offered for them."""


def attached(name: str, hint: Any, *, required: bool) -> Any:
    """The annotation of a parameter, with what the shell offers for it, if its name says what it is."""
    offer = offer_for(name)
    base, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if offer is None or any(isinstance(kind, type) and issubclass(kind, Enum) for kind in (base, *get_args(base))):
        return hint
    info = next((one for one in extras if isinstance(one, ArgumentInfo | OptionInfo)), None)
    if info is None:
        info = typer.Argument() if required else typer.Option()
        extras.append(info)
    if info.autocompletion is None:
        info.autocompletion = offer
    return Annotated[base, *extras]


def offer_for(name: str) -> Offer | None:
    """What is offered for a parameter of this name."""
    if name == "kind":
        return kinds
    return (lambda incomplete: offered(_NAMES[name], incomplete)) if name in _NAMES else None


def offered(what: str, start: str) -> list[tuple[str, str]]:
    """What begins with `start`. A shell that waits for a Tab is told nothing rather than an error."""
    from deployments.cli.context import system

    try:
        with system() as connection:
            rows = connection.execute(text(_QUERIES[what]), {"start": start.lower(), "n": _MOST}).all()
    except Exception:  # whatever it is, a Tab is no place to tell it
        return []
    return [(row[0], row[1]) for row in rows]


def kinds(incomplete: str) -> list[tuple[str, str]]:
    """Types of incident, in the case they are typed in."""
    upper = incomplete[:1].isupper()
    names = [kind.value if upper else kind.value.lower() for kind in AUTH_KINDS]
    return [(name, "type of incident") for name in names if name.startswith(incomplete)]
