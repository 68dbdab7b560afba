"""The trace a row was written in, where traces are recorded."""

from uuid import UUID

from sqlalchemy import Connection, text


def of_message(connection: Connection, message: UUID) -> str | None:
    """The W3C traceparent under which a message of the outbox was written; None = nobody recorded."""
    found: str | None = connection.execute(
        text("select trace from outbox where id = :id"), {"id": message}
    ).scalar_one_or_none()
    return found
