"""Refused votes are counted all and audited few: who clicks ten thousand times fills no chain."""

from sqlalchemy import Connection, text

from spine.approval import Approval


def count(connection: Connection, approval: Approval, actor: str, code: str) -> int:
    """How often `actor` was refused `approval` for this reason, now included."""
    counted: int = connection.execute(_COUNT, {
        "approval": approval.id, "tenant": approval.tenant_id, "actor": actor, "code": code,
    }).scalar_one()  # fmt: skip
    return counted


_COUNT = text("""
    insert into approval_refusals as r(approval_id, tenant_id, actor, code, times)
    values(:approval, :tenant, :actor, :code, 1)
    on conflict(approval_id, actor, code) do update set times = r.times + 1 returning times""")
