"""The audit trail in PostgreSQL: append, read, verify, export."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction, AuditEntry, BadEntry, Head, Link, entry, verify_chain
from spine.canonical import canonical
from spine.commitment import SALT_BYTES, Opening, commitment
from spine.correlation import cause
from spine.ids import TenantId

_PAGE = 5_000
"""Entries read at once when a chain is walked."""
Place = tuple[int, str]
"""Number and id of a link: where a page ends."""
START: Place = (-1, "")


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
        before=before, after=after, outcome=outcome, detail=_with_cause(detail),
    )  # fmt: skip
    append_many(connection, tenant, [made])


def _with_cause(detail: object) -> object:
    """The detail, with the id of the request that led to it."""
    request = cause()
    if request is None or not (detail is None or isinstance(detail, Mapping)):
        return detail
    return {"request": request, **(detail or {})}


def append_many(connection: Connection, tenant: TenantId, entries: Sequence[AuditEntry]) -> int:
    """Write entries of one tenant in order; returns how many were new."""
    if not entries:
        return 0
    ids, texts, salts, commitments = [], [], [], []
    for one in entries:
        if one.tenant_id != tenant:
            raise ValueError(f"an entry of tenant {one.tenant_id} cannot go into the chain of {tenant}")
        event, salt = one.event(), os.urandom(SALT_BYTES)
        written = canonical(event)
        ids.append(UUID(event["id"]))
        texts.append(written.decode())
        salts.append(salt)
        commitments.append(commitment(written, Opening(salt)))
    # one text, for every quote of an array's is escaped; no line of canonical JSON ends before the text does
    given = {"tenant": tenant, "ids": ids, "texts": "\n".join(texts), "salts": salts, "commitments": commitments}
    return int(connection.execute(_APPEND, given).scalar_one())


_APPEND = text("select audit_append(:tenant, :ids, string_to_array(:texts, chr(10)), :salts, :commitments)")


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
    after: Place | None = START
    while after is not None:
        found, after = links_page(connection, tenant, after)
        yield from found


def links_page(
    connection: Connection, tenant: TenantId, after: Place, most: int = _PAGE
) -> tuple[list[Link], Place | None]:
    """The next `most` links behind `after`, and where to go on; None = that was the end.

    A chain only grows at its end, so its pages may be read in transactions of their own.
    """
    rows = connection.execute(_LINKS, {"t": tenant, "seq": after[0], "id": after[1], "page": most}).all()
    found = [
        Link(
            tenant, row.seq, bytes(row.prev_hash), bytes(row.hash),
            row.entry.encode() if row.agrees else b"columns disagree with the entry", opening_of(row),
        )
        for row in rows
    ]  # fmt: skip
    return found, (rows[-1].seq, str(rows[-1].id)) if len(rows) == most else None


def opening_of(row: Row[Any]) -> Opening:
    """What it takes to make the commitment of a stored entry again."""
    if row.salt is not None:
        return Opening(bytes(row.salt))
    told = row.opening or {}
    return Opening(b"", told.get("keys", {}), told.get("erased", {}))


_LINKS = text("""
    select seq, id, prev_hash, hash, entry, salt, opening,
           (body ->> 'tenant', (body ->> 'time')::timestamptz, body #>> '{data,action}')
             is not distinct from (tenant_id, at, action)
             and (body ->> 'id' = id::text or opening #> '{erased,/id}' is not null)
             and (body #>> '{data,incident}') is not distinct from incident_id::text as agrees
    from (select *, case when entry is json then entry::jsonb end as body
          from (select * from audit_entries
                where tenant_id = :t and seq >= :seq and (seq, id::text) > (:seq, :id)
                order by seq, id::text limit :page) as page
          offset 0) as parsed
    order by seq, id::text""")
# offset 0 keeps PostgreSQL from parsing the text once for every place that reads `body`


def verify(connection: Connection, tenant: TenantId, known: Iterable[Head] = ()) -> BadEntry | None:
    """The first bad entry of a tenant's chain, or None; the head row and `known` heads are held against it.

    Where something was erased, a receipt of that erasure must stand in a chain: as the system role, which sees all.
    """
    stored = head(connection, tenant)
    bad = verify_chain(links(connection, tenant), tenant, [*known, *([stored] if stored else [])])
    return bad or _erased_unseen(connection, tenant)


def _erased_unseen(connection: Connection, tenant: TenantId) -> BadEntry | None:
    """The commitment of an entry holds whoever erased something from it, so an erasure must be told in the trail."""
    row = connection.execute(_UNSEEN, {"t": tenant}).one_or_none()
    if row is None:
        return None
    because = (
        f"something was erased from it, and no receipt in the trail tells of an erasure with the number {row.number}"
    )
    return BadEntry(tenant, row.seq, "erased", because)


_UNSEEN = text(r"""
    select seq, number from (
        select seq, (regexp_matches(entry, '\[erased ([0-9a-f]{12})\]', 'g'))[1] as number from audit_entries
        where tenant_id = :t and opening is not null) as gone
    where not exists (
        select from audit_entries r where r.action = 'runbook.run'
          and r.entry like '%"subject":"erasure:%' and r.entry::jsonb #>> '{data,detail,number}' = gone.number)
    order by seq limit 1""")


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


def bad_tails(connection: Connection, entries: int) -> list[TenantId]:
    """Tenants whose chain does not hold together within its newest `entries`, or whose head row is not its end.

    Of all chains together the texts of `_RECOMPUTED` entries at most are looked at, so that it is cheap enough for
    every few minutes; only `verify` sees all.
    """
    chains = {row.tenant_id: row for row in connection.execute(_BAD_TAILS, {"n": entries})}
    bad = {name for name, row in chains.items() if not row.whole}
    each = min(entries, max(1, _RECOMPUTED // max(len(chains), 1)))
    for row in connection.execute(_TAILS, {"n": each}):
        try:
            holds = commitment(row.entry.encode(), opening_of(row)) == bytes(row.commitment)
        except (ValueError, KeyError, TypeError):
            holds = False
        if not holds:
            bad.add(row.tenant_id)
    return [TenantId(name) for name in sorted(bad)]


_RECOMPUTED = 5_000
_TAILS = text("""
    select e.tenant_id, e.entry, e.salt, e.opening, e.commitment from audit_heads h
    cross join lateral (
        select * from audit_entries e where e.tenant_id = h.tenant_id order by seq desc limit :n) as e""")
_BAD_TAILS = text("""
    select h.tenant_id,
           coalesce(tail.whole and (h.seq = 0 or (tail.newest = h.seq and tail.last = h.hash)), false) as whole
    from audit_heads h
    cross join lateral (
        select max(seq) as newest, (array_agg(hash order by seq desc))[1] as last,
               coalesce(bool_and(hash = sha256(prev_hash || commitment)
                        and (before is null or (prev_hash = before and seq = seq_before + 1))), true) as whole
        from (select seq, hash, prev_hash, commitment, lag(hash) over w as before, lag(seq) over w as seq_before
              from (select * from audit_entries e where e.tenant_id = h.tenant_id order by seq desc limit :n) as newest
              window w as (order by seq)) as tail) as tail
    order by 1""")
