"""Events as columns of numbers, many at a time; the words are given when a world is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

KINDS = (
    "login_succeeded", "login_failed", "session_created", "oauth_callback_ok", "oauth_callback_error",
    "password_reset_requested", "password_reset_failed", "email_verification_sent", "email_verification_failed",
    "jwt_validation_error", "admin_login", "tenant_scope_violation",
)  # fmt: skip
PROVIDERS = ("password", "google", "microsoft", "okta", "github")
NONE = -1
"""No incident, no foreign tenant."""
_WIDTHS = {
    "at": np.int32, "tenant": np.int16, "kind": np.int8, "user": np.int32, "ip": np.int64, "country": np.int8,
    "agent": np.int16, "provider": np.int8, "foreign": np.int16, "incident": np.int16,
}  # fmt: skip


def kind(name: str) -> int:
    """The number of a type of event."""
    return KINDS.index(name)


@dataclass(frozen=True, slots=True)
class Clients:
    """Who is at the other end: one row per attempt. The rows may be changed in place by look-alikes."""

    ip: Ints
    country: Ints
    agent: Ints
    absent: Bools
    """No attempt at all: the person sits in an aeroplane."""

    def __getitem__(self, rows: Any) -> Clients:
        return Clients(self.ip[rows], self.country[rows], self.agent[rows], self.absent[rows])


@dataclass(frozen=True, slots=True)
class Batch:
    """Columns of equal length; `at` in seconds since the origin of the world."""

    at: Ints
    tenant: Ints
    kind: Ints
    user: Ints
    ip: Ints
    country: Ints
    agent: Ints
    provider: Ints
    foreign: Ints
    """tenant_scope_violation: whose data were asked for."""
    incident: Ints
    """The number of the incident that the event belongs to; NONE for benign events."""

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Any) -> Batch:
        return Batch(*(getattr(self, field.name)[rows] for field in fields(self)))


def events(
    name: str,
    at: Any,
    tenant: int,
    user: Any,
    clients: Clients,
    *,
    provider: Any = 0,
    foreign: Any = NONE,
    incident: Any = NONE,
) -> Batch:
    """Events of one type at one tenant; single values stand for whole columns."""
    n = len(at)
    given = {
        "at": at, "tenant": tenant, "kind": kind(name), "user": user, "ip": clients.ip, "country": clients.country,
        "agent": clients.agent, "provider": provider, "foreign": foreign, "incident": incident,
    }  # fmt: skip
    return Batch(**{key: np.broadcast_to(np.asarray(value, _WIDTHS[key]), (n,)) for key, value in given.items()})


def joined(batches: Sequence[Batch], end: int) -> Batch:
    """All batches as one in order of time, without what lies before 0 or at `end` (seconds) or later."""
    whole = Batch(*(np.concatenate([getattr(b, field.name) for b in batches]) for field in fields(Batch)))
    inside = (whole.at >= 0) & (whole.at < end)
    order = np.argsort(whole.at[inside], kind="stable")
    return whole[inside][order]
