"""Archiving a flag: it may go when nothing holds it, and it is never deleted. Its versions stay, and bring it back."""

from datetime import datetime

from sqlalchemy import Connection

from spine.errors import Refused
from spine.flag import CATALOGUE, live
from spine.ids import TenantId
from store.flag_holds import holds_of


def check(connection: Connection, tenant: TenantId, key: str, now: datetime) -> None:
    """Let pass what may be archived.

    Raises:
        Refused: `flag.held`, a mitigation holds it; `flag.catalogue`, the spine's own actions need it.
    """
    if held := live(holds_of(connection, tenant, key), now):
        last = max(one.expires_at for one in held)
        raise Refused(
            "flag.held",
            f"{key} is held by {len(held)} mitigations, the last until {last:%Y-%m-%d %H:%M:%S} UTC. Nothing was "
            "changed. Take them back first, or wait for their end.",
        )
    if key in CATALOGUE:
        raise Refused(
            "flag.catalogue", f"{key} is one of the spine's own: its actions hold it. Nothing was changed; put version"
            " 0 back if it should be as it came.",
        )  # fmt: skip
