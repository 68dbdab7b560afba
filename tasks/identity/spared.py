"""Whom identity actions must never reach, by any name the provider has for them."""

from collections.abc import Callable

from sqlalchemy import Connection

from spine.settings import Settings
from store import people

Spare = Callable[[Connection, Settings], frozenset[str]]
"""Names in lower case."""


def nobody(_connection: Connection, _settings: Settings) -> frozenset[str]:
    """Guards alone decide."""
    return frozenset()


def emergency(_connection: Connection, settings: Settings) -> frozenset[str]:
    """Emergency accounts."""
    return frozenset(name.lower() for name in settings.identity.break_glass_users or ())


def operators(connection: Connection, settings: Settings) -> frozenset[str]:
    """Those who run the response: the people who may decide, and who is named beside them."""
    ours = [person.email for person in people.everybody(connection)]
    return frozenset(name.lower() for name in (*settings.identity.operator_users, *ours))
