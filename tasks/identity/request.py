"""Requests to the application's own webhook, for what only it can do; each is followed by a question."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spine.clock import SystemClock
from spine.errors import Broken
from spine.lease import Lease
from tasks.identity.api import Api
from tasks.identity.signed import Signed
from tasks.mitigation import World


def tell(world: World, lease: Lease, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Have the application do `kind` for the lease, once; returns the receipt."""
    with _application(world, lease) as application:
        message = f"{lease.id}:{kind}"
        application.tell(kind, {"lease": str(lease.id), "incident": str(lease.incident_id), **data}, message)
        return {"id": message, "calls": list(application.api.receipts)}


def ask(world: World, lease: Lease, kind: str) -> dict[str, Any]:
    """What the application says has become of it: "email.retry_queue" is asked for as "email.ask.retry_queue"."""
    group, _, name = kind.partition(".")
    with _application(world, lease) as application:
        return application.ask(f"{group}.ask.{name}", {"id": f"{lease.id}:{kind}", "lease": str(lease.id)})


@contextmanager
def _application(world: World, lease: Lease) -> Iterator[Signed]:
    said = world.settings.webhook
    if world.settings.env == "dev" or said.url is None or said.secret is None:
        raise Broken("the application takes no webhooks: set OPSSPINE_WEBHOOK__URL and __SECRET; in dev none is sent")
    api = Api(
        title="the application", base=said.url, limits=world.settings.identity, clock=SystemClock(),
        credential="OPSSPINE_WEBHOOK__SECRET",
    )  # fmt: skip
    try:
        yield Signed(api, said.secret.get_secret_value(), lease.tenant_id)
    finally:
        api.close()
