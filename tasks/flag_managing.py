"""A managed change of a flag: preview, dependencies, gate, compare-and-set, read-back by HTTP, verify, or take back.

What was stored is not yet what applications read: a change that cannot be seen at the gateway within a minute, or reads
otherwise than it was meant, is taken back, and the exact definition from before is the base again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from spine.clock import Clock
from spine.errors import Refused
from spine.flag import Evaluation, FlagSet
from spine.flag.care import Preview, check_dependencies, preview
from spine.flag.definition import parse_definition
from spine.ids import ChangeId, TenantId, mint
from spine.plan import Gate
from spine.settings import Settings
from store import flag_care, flags, keys, operations
from store.engine import Database
from store.flag_propose import Proposer, Wanted, apply, propose, take_back

NAME = "flag_management"
_PROBE: Mapping[str, Any] = {"targetingKey": "opsspine-read-back"}
_LOOK_SECONDS = 0.2
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """What came of one change."""

    id: UUID
    key: str
    version: int | None
    """The version it became; None = it is planned for later."""
    preview: Preview
    stands: bool
    """False = it was taken back."""
    because: str
    read_seconds: float | None = None
    """After which applications read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managing:
    """What a managed change works with."""

    database: Database
    settings: Settings
    clock: Clock
    tenant: TenantId
    read: "Callable[[Managing, str], Awaitable[str | None]] | None" = None
    """Reads a flag as applications do: why they do not read what is stored, or None when they do. None = over HTTP."""


def previewed(desk: Managing, wanted: Wanted) -> Preview:
    """Whom the change would reach. Changes nothing.

    Raises:
        Refused: the definition is not valid.
    """
    after = parse_definition(wanted.key, wanted.definition)
    now, own = desk.clock.now(), desk.settings.operation
    with desk.database.system() as connection:
        flag = flags.get(connection, desk.tenant, wanted.key)
        since = now - timedelta(days=own.preview_days)
        asked = flag_care.users(connection, desk.tenant, since=since, limit=own.preview_users)
    return preview(wanted.key, flag.base_at(now) if flag else None, after, asked)


async def manage(desk: Managing, wanted: Wanted, by: Proposer, gate: Gate) -> Managed:
    """Change a declared flag as the runbook says, and keep what came of it.

    Raises:
        Refused: it is not declared; what it depends on is off; `gate` needs another person; somebody was faster.
    """
    began, seen = desk.clock.now(), await asyncio.to_thread(previewed, desk, wanted)
    change, version = await asyncio.to_thread(_stored, desk, wanted, by, gate)
    if version is None:
        done = Managed(
            id=mint(), key=wanted.key, version=None, preview=seen, stands=True, because="it is planned for its time"
        )
    else:
        done = await _confirmed(desk, wanted.key, change, version, seen, by.actor)
    await asyncio.to_thread(_keep, desk, wanted, done, by.actor, began)
    return done


def _stored(desk: Managing, wanted: Wanted, by: Proposer, gate: Gate) -> tuple[ChangeId, int | None]:
    now = desk.clock.now()
    definition = parse_definition(wanted.key, wanted.definition)
    with desk.database.system() as connection:
        known = flags.all_flags(connection, desk.tenant)
        declared = flag_care.declarations(connection, desk.tenant)
        if wanted.key not in declared:
            raise Refused(
                "flag.undeclared",
                f"{wanted.key} has no owner, purpose and safe default yet, so nobody knows what to fall back to. "
                "Declare it first: `opsspine flags declare`. Nothing was changed.",
            )
        check_dependencies(declared[wanted.key], definition, known, declared, now)
        made = propose(connection, desk.tenant, wanted, by, gate, now=now, settings=desk.settings)
        done = apply(connection, desk.tenant, made.id, actor=by.actor, now=now, gate=gate)
    return done.id, done.version


async def _confirmed(
    desk: Managing, key: str, change: ChangeId, version: int, seen: Preview, actor: str
) -> Managed:  # fmt: skip
    """Read it back as applications do; what cannot be read so is taken back."""
    began = time.monotonic()
    problem = await (desk.read or read_over_http)(desk, key)
    took = round(time.monotonic() - began, 2)
    if problem is None:
        told = f"applications read it after {took:g} s"
        return Managed(
            id=mint(), key=key, version=version, preview=seen, stands=True, because=told, read_seconds=took
        )  # fmt: skip
    now = desk.clock.now()

    def back() -> bool:
        with desk.database.system() as connection:
            return take_back(connection, change, actor=actor, because=f"read-back failed: {problem}", now=now)

    undone = await asyncio.to_thread(back)
    told = f"{problem}; it was taken back" if undone else f"{problem}; somebody changed it since, so it was left alone"
    return Managed(id=mint(), key=key, version=version, preview=seen, stands=not undone, because=told)


async def read_over_http(desk: Managing, key: str) -> str | None:
    """Why applications do not read what is stored, or None when they do. Its key lives as long as this takes."""
    name, most = f"read-back:{mint()}", desk.settings.operation.read_back_seconds

    def begin() -> str:
        with desk.database.system() as connection:
            _, secret = keys.add_key(
                connection, desk.tenant, name, ["flags:read"], now=desk.clock.now(), actor="flag_management"
            )
        return secret

    def end() -> None:
        with desk.database.system() as connection:
            keys.revoke_key(connection, desk.tenant, name, now=desk.clock.now(), actor="flag_management")

    secret = await asyncio.to_thread(begin)
    deadline = time.monotonic() + most
    try:
        async with httpx.AsyncClient(
            base_url=desk.settings.gateway.url, timeout=_ANSWER_SECONDS, trust_env=False,
            headers={"Authorization": f"Bearer {secret}"},
        ) as http:  # fmt: skip
            while True:
                problem = await _read(desk, http, key)
                if problem is None or time.monotonic() >= deadline:
                    return f"{problem} within {most:g} s" if problem else None
                await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await asyncio.to_thread(end)


async def _read(desk: Managing, http: httpx.AsyncClient, key: str) -> str | None:
    wanted = await asyncio.to_thread(expected, desk, key)
    try:
        answer = await http.post(f"/ofrep/v1/evaluate/flags/{key}", json={"context": dict(_PROBE)})
    except httpx.HTTPError as error:
        return f"the gateway was not reached ({type(error).__name__})"
    if answer.status_code != httpx.codes.OK:
        return f"the gateway answered {answer.status_code}"
    found = answer.json()
    if (found["value"], found["variant"]) == wanted:
        return None
    return f"the gateway reads {found['variant']!r}, not {wanted[1]!r},"


def expected(desk: Managing, key: str) -> tuple[Any, str]:
    """What the store says applications read now, leases on top included."""
    with desk.database.system() as connection:
        definition = flags.effective(connection, desk.tenant, key, desk.clock.now())
    assert definition is not None  # it was just written
    found = FlagSet({key: definition}).evaluate(key, _PROBE)
    return (found.value, found.variant) if isinstance(found, Evaluation) else (None, found.code)


def _keep(desk: Managing, wanted: Wanted, done: Managed, actor: str, began: datetime) -> None:
    told = {
        "key": done.key, "version": done.version, "stands": done.stands, "because": done.because,
        "users": done.preview.users, "changed": done.preview.changed,
        "ttl_seconds": wanted.ttl.total_seconds() if wanted.ttl else None,
    }  # fmt: skip
    run = operations.OperationRun(
        id=done.id, tenant_id=desk.tenant, operation=NAME, who=actor, started_at=began,
        finished_at=desk.clock.now(), outcome="stands" if done.stands else "taken back", passed=done.stands,
        detail=told,
    )  # fmt: skip
    with desk.database.system() as connection:
        operations.keep(connection, run, told=told)
