"""Messages in Slack that are edited: where they stand, how much of the story they show, and whose edit counts.

An edit counts when no other of the same message began or ended meanwhile. Otherwise nobody knows which of the two
Slack showed last, and the message is edited once more, from what is known then: the newest wins in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.ids import TenantId, derive

UNKNOWN = -1
"""For `lines`: what the message shows is not known."""
_STALE = text("""
    select p.*, i.severity, t.n from slack_posts p join incidents i on i.id = p.incident_id
    cross join lateral (select count(*) as n from incident_timeline where incident_id = p.incident_id) t
    where p.root and t.n <> p.lines and (not p.settled or p.lines < 0 or p.edited_at > :recent)
      and not exists(select from outbox o where o.incident_id = p.incident_id and o.channel = 'slack'
                     and o.target = p.target and o.status = 'pending'
                     and (o.topic = 'incident.card' or o.attempts = 0 and o.next_attempt_at <= :now))
    order by i.severity desc, p.edited_at
""")
_FINISH = text("""
    update slack_posts set turn = turn + 1, edited_at = :now, channel = :channel, ts = :ts, settled = :settled,
      lines = case when turn = :turn then :lines else -1 end
    where id = :id returning lines
""")


@dataclass(frozen=True, slots=True)
class Post:
    """One message that is edited."""

    id: UUID
    tenant_id: TenantId
    incident_id: UUID | None
    approval_id: UUID | None
    target: str
    channel: str
    ts: str
    root: bool
    outbox_id: UUID
    """The row of the outbox that posted it."""
    lines: int
    turn: int
    edited_at: datetime

    @property
    def where(self) -> dict[str, Any]:
        """Its address, as receipts have it."""
        return {"channel": self.channel, "ts": self.ts}


@dataclass(frozen=True, slots=True)
class Stale:
    """A thread's first message that shows less than is known."""

    post: Post
    severity: int
    lines: int
    """Of the story, by now."""


def post_id(tenant: TenantId, about: UUID, target: str) -> UUID:
    """The id of the message about an incident, or about an approval, in one place."""
    return derive("slack_post", tenant, about, target)


def get(connection: Connection, post: UUID) -> Post | None:
    """The message with this id."""
    row = connection.execute(text("select * from slack_posts where id = :id"), {"id": post}).one_or_none()
    return _post(row) if row else None


def root(connection: Connection, incident: UUID, target: str) -> Post | None:
    """The message under which the incident's thread hangs."""
    query = text("select * from slack_posts where incident_id = :i and target = :target and root")
    row = connection.execute(query, {"i": incident, "target": target}).one_or_none()
    return _post(row) if row else None


def begin(connection: Connection, post: UUID) -> int:
    """An edit of `post` begins; returns its number, for `finish`."""
    query = text("update slack_posts set turn = turn + 1 where id = :id returning turn")
    return int(connection.execute(query, {"id": post}).scalar_one())


def finish(
    connection: Connection, post: UUID, turn: int, lines: int, where: dict[str, Any], *, settled: bool, now: datetime
) -> bool:
    """The edit number `turn` was made, of a story of `lines`; False = another raced with it: edit once more."""
    row = connection.execute(
        _FINISH,
        {
            "id": post, "turn": turn, "lines": lines, "channel": where["channel"], "ts": where["ts"],
            "settled": settled, "now": now,
        },
    ).one_or_none()  # fmt: skip
    return row is None or row.lines != UNKNOWN


def register(
    connection: Connection,
    post: UUID,
    tenant: TenantId,
    incident: UUID | None,
    *,
    approval: UUID | None,
    target: str,
    root: bool,
    outbox: UUID,
    lines: int,
    where: dict[str, Any],
    settled: bool,
    now: datetime,
) -> None:
    """A message that will be edited was posted. Where another became the thread's first meanwhile, this is none."""
    connection.execute(
        text(
            "insert into slack_posts(id, tenant_id, incident_id, approval_id, target, channel, ts, root, outbox_id,"
            " lines, settled, edited_at) values(:id, :tenant, :incident, :approval, :target, :channel, :ts, :root,"
            " :outbox, :lines, :settled, :now) on conflict do nothing"
        ),
        {
            "id": post, "tenant": tenant, "incident": incident, "approval": approval, "target": target,
            "channel": where["channel"], "ts": where["ts"], "root": root, "outbox": outbox, "lines": lines,
            "settled": settled, "now": now,
        },
    )  # fmt: skip


def stale(connection: Connection, now: datetime, recent: datetime) -> Sequence[Stale]:
    """First messages that show less than is known and that nothing is on its way to, the most severe first.

    News goes out before the first message is edited: it may be the edit. Messages of incidents that are over are
    looked at while their last edit is younger than `recent`.
    """
    rows = connection.execute(_STALE, {"now": now, "recent": recent})
    return [Stale(_post(row), row.severity, row.n) for row in rows]


def _post(row: Row[Any]) -> Post:
    return Post(
        id=row.id, tenant_id=TenantId(row.tenant_id), incident_id=row.incident_id, approval_id=row.approval_id,
        target=row.target, channel=row.channel, ts=row.ts, root=row.root, outbox_id=row.outbox_id, lines=row.lines,
        turn=row.turn, edited_at=row.edited_at,
    )  # fmt: skip
