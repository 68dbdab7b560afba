"""A tenant's flag epoch: it rises with every change, so that a cache knows when to read anew.

What is held for everybody raises the epoch of `_`, which is part of every tenant's.
"""

from sqlalchemy import Connection, text

from spine.ids import NO_TENANT, TenantId


def epoch(connection: Connection, tenant: TenantId) -> int:
    """A number that rises with every change of the tenant's flags or holds. Asked as the system role."""
    found: int = connection.execute(
        text("select coalesce(sum(epoch), 0)::bigint from flag_epochs where tenant_id in (:t, :everybody)"),
        {"t": tenant, "everybody": NO_TENANT},
    ).scalar_one()
    return found


def raise_epoch(connection: Connection, tenant: TenantId) -> None:
    """The tenant's flags or holds change in this transaction."""
    connection.execute(
        text(
            "insert into flag_epochs(tenant_id, epoch) values(:t, 1)"
            " on conflict (tenant_id) do update set epoch = flag_epochs.epoch + 1"
        ),
        {"t": tenant},
    )
