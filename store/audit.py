"""The audit trail in PostgreSQL: append, read, verify, export."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction, AuditEntry, BadEntry, Head, Link, entry, verify_chain
from spine.ids import TenantId

_PAGE = 5_000
"""Entries read at once when a chain is walked."""


def append(
    connection: Connection,
    tenant: TenantId,
    action: AuditAction,
    *,
    actor: str,
    at: datetime,
    subject: str,
    incident_id: UUID | None = None,
    plan_hash: str | None = None,
    before: object = None,
    after: object = None,
    outcome: str = "ok",
    detail: object = None,
) -> None:
    """Write one entry in the transaction of the change it tells of; everything is redacted.

    Holds the lock of the tenant's chain until the transaction ends: append last, and several tenants in order.
    """
    made = entry(
        tenant, action, actor=actor, at=at, subject=subject, incident_id=incident_id, plan_hash=plan_hash,
        before=before, after=after, outcome=outcome, detail=detail,
    )  # fmt: skip
    append_many(connection, tenant, [made])


def append_many(connection: Connection, tenant: TenantId, entries: Sequence[AuditEntry]) -> int:
    """Write entries of one tenant in order; returns how many were new."""
    if not entries:
        return 0
    ids, texts = [], []
    for one in entries:
        if one.tenant_id != tenant:
            raise ValueError(f"an entry of tenant {one.tenant_id} cannot go into the chain of {tenant}")
        ids.append(one.id)
        texts.append(one.canonical().decode())
    return int(
        connection.execute(
            text("select audit_append(:tenant, :ids, :texts)"), {"tenant": tenant, "ids": ids, "texts": texts}
        ).scalar_one()
    )


def tenants(connection: Connection) -> list[TenantId]:
    """Every tenant that has a chain or entries, in order."""
    rows = connection.execute(
        text("select tenant_id from audit_heads union select distinct tenant_id from audit_entries order by 1")
    )
    return [TenantId(row[0]) for row in rows]


def head(connection: Connection, tenant: TenantId) -> Head | None:
    """The head row of a tenant's chain; None before the first entry."""
    row = connection.execute(
        text("select seq, hash from audit_heads where tenant_id = :t"), {"t": tenant}
    ).one_or_none()
    return Head(tenant, row.seq, bytes(row.hash)) if row else None


def hash_at(connection: Connection, tenant: TenantId, seq: int) -> bytes | None:
    """The stored hash of one entry; None when there is no such entry."""
    query = text("select hash from audit_entries where tenant_id = :t and seq = :s")
    found = connection.execute(query, {"t": tenant, "s": seq}).scalars().all()
    return bytes(found[0]) if len(found) == 1 else None


def links(connection: Connection, tenant: TenantId) -> Iterator[Link]:
    """The stored chain of a tenant, in order, page by page.

    The columns that only serve look-ups are compared with the hashed text; a row that disagrees comes out
    with its text replaced by what the columns say, so that verification calls it edited.
    """
    after = (-1, "")
    while True:
        rows = connection.execute(_LINKS, {"t": tenant, "seq": after[0], "id": after[1], "page": _PAGE}).all()
        for row in rows:
            canonical = row.entry.encode() if row.agrees else b"columns disagree with the entry"
            yield Link(tenant, row.seq, bytes(row.prev_hash), bytes(row.hash), canonical)
        if len(rows) < _PAGE:
            return
        after = (rows[-1].seq, str(rows[-1].id))


_LINKS = text("""
    select seq, id, prev_hash, hash, entry,
           (body ->> 'tenant', body ->> 'id', (body ->> 'time')::timestamptz, body #>> '{data,action}')
             is not distinct from (tenant_id, id::text, at, action)
             and (body #>> '{data,incident}') is not distinct from incident_id::text as agrees
    from (select *, case when entry is json then entry::jsonb end as body
          from (select * from audit_entries
                where tenant_id = :t and seq >= :seq and (seq, id::text) > (:seq, :id)
                order by seq, id::text limit :page) as page
          offset 0) as parsed
    order by seq, id::text""")
# offset 0 keeps PostgreSQL from parsing the text once for every place that reads `body`


def verify(connection: Connection, tenant: TenantId, known: Iterable[Head] = ()) -> BadEntry | None:
    """The first bad entry of a tenant's chain, or None; the head row and `known` heads are held against it."""
    stored = head(connection, tenant)
    return verify_chain(links(connection, tenant), tenant, [*known, *([stored] if stored else [])])


def verify_all(
    connection: Connection, tenant: TenantId | None = None, known: Iterable[Head] = ()
) -> dict[TenantId, BadEntry | None]:
    """Every tenant's first bad entry (None = whole), or one tenant's; also of chains only `known` remembers."""
    heads = [one for one in known if tenant in (None, one.tenant_id)]
    chosen = {tenant} if tenant else {*tenants(connection), *(one.tenant_id for one in heads)}
    return {name: verify(connection, name, [one for one in heads if one.tenant_id == name]) for name in sorted(chosen)}


def export(connection: Connection, tenant: TenantId, file: IO[str]) -> int:
    """Write a tenant's chain as NDJSON of CloudEvents; returns the number of lines."""
    count = 0
    for link in links(connection, tenant):
        file.write(link.exported() + "\n")
        count += 1
    return count
