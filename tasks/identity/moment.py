"""Moments as providers write them."""

from datetime import UTC, datetime


def moment(text: object) -> datetime | None:
    """ISO 8601 as an aware time in UTC; None = it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
