"""A tenant's flag epoch: it rises with every change, so that a cache knows when to read anew."""

from sqlalchemy import Connection, text

from spine.ids import TenantId


def epoch(connection: Connection, tenant: TenantId) -> int:
    """A number that rises with every change of the tenant's flags or holds."""
    found: int | None = connection.execute(
        text("select epoch from flag_epochs where tenant_id = :t"), {"t": tenant}
    ).scalar_one_or_none()
    return found or 0


def raise_epoch(connection: Connection, tenant: TenantId) -> None:
    """The tenant's flags or holds change in this transaction."""
    connection.execute(
        text(
            "insert into flag_epochs(tenant_id, epoch) values(:t, 1)"
            " on conflict (tenant_id) do update set epoch = flag_epochs.epoch + 1"
        ),
        {"t": tenant},
    )
