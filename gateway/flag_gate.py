"""What stands before a change of a flag for whoever asks for it over HTTP; and what is told of one that lost."""

from sqlalchemy import Connection
from starlette.requests import Request

from gateway.auth import Scope
from gateway.caller import Caller, stepped_up
from gateway.context import Context, context_of
from gateway.problem import Problem
from spine.errors import Refused
from spine.flag.change import ruling
from spine.ids import TenantId
from spine.plan import Gate
from store import flags

_STATUS = {
    "change.unknown": 404, "change.ended": 409, "change.expired": 409, "change.not_approved": 403,
    "flag.planned": 409, "flag.held": 409, "flag.catalogue": 409, "flag.archived": 409, "flag.unknown": 404,
    "flag.conflict": 409, "flag.version": 404,
}  # fmt: skip


def may_look(caller: Caller) -> None:
    """Let pass who may see rules, history and people's names.

    Raises:
        Problem: 403; a key that only evaluates flags may be in every browser.
    """
    if caller.person is None and caller.scopes.isdisjoint({Scope.OPS_READ, Scope.FLAGS_WRITE}):
        raise Problem(
            403, "key.scope",
            "A key with the scope 'flags:read' evaluates flags (/ofrep/v1) and no more: it may be in every browser. "
            "To look at how they are made it takes 'ops:read' or 'flags:write'.",
        )  # fmt: skip


def gate_of(request: Request, caller: Caller, key: str) -> Gate:
    """The gate before a change of `key` by this caller; a second factor, where it takes one, was shown lately.

    Raises:
        Problem: 401 as RFC 9470 has it; 403, nobody with these roles may do it at all.
    """
    context = context_of(request)
    roles = caller.person.roles_in(caller.tenant) if caller.person else frozenset()
    found = ruling(key, roles, context.settings)
    if found.gate is Gate.DENY:
        _refuse(request, caller, key, found.because)
        raise Problem(403, "flag.denied", f"You may not change {key}: {found.because}. Nothing was changed.")
    if found.gate is Gate.STEP_UP:
        stepped_up(caller, request)
    return found.gate


def pass_gate(request: Request, caller: Caller, key: str) -> Gate:
    """The same, for a change that is to take effect now.

    Raises:
        Problem: 401; 403, another person must agree first.
    """
    gate = gate_of(request, caller, key)
    if gate >= Gate.APPROVE:
        _refuse(request, caller, key, f"it needs: {gate.label}")
        raise Problem(
            403, "flag.needs_approval",
            f"A change of {key} is of high risk: another person must approve it. Nothing was changed; propose it: "
            f"POST /api/ops/flags/{key}/changes, and apply it once it is approved.",
        )  # fmt: skip
    return gate


def lost(context: Context, tenant: TenantId, key: str, refusal: Refused, *, stale: int = 409) -> Problem:
    """The problem for a refusal; of a compare-and-set that lost it names the winner, with status `stale`."""
    if refusal.code != "flag.conflict":
        return Problem(_STATUS.get(refusal.code, 422), refusal.code, str(refusal))
    with context.database.tenant(tenant) as connection:
        version, winner = _winner(connection, tenant, key)
    return Problem(stale, refusal.code, f"{refusal} {winner}".strip(), headers={"ETag": f'"{version}"'})


def expected(if_match: str | None) -> int:
    """The version in an `If-Match`: `"3"`, or an `ETag` of ours that begins with it.

    Raises:
        Problem: 422, there is none.
    """
    text = (if_match or "").strip().removeprefix("W/").strip('"').partition(".")[0]
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Problem(
            422, "version.missing",
            'Send the version you saw, as `If-Match: "3"` ("0" for a flag that was never edited): at another one '
            "nothing is changed.",
            errors=[{"pointer": "#/If-Match", "detail": "the version of the flag, as its ETag has it"}],
        )  # fmt: skip
    return int(text)


def _winner(connection: Connection, tenant: TenantId, key: str) -> tuple[int, str]:
    versions = flags.history(connection, tenant, key)
    if not versions:
        return 0, ""
    last = versions[-1]
    return last.version, f"Version {last.version} is by {last.actor}, {last.at:%Y-%m-%d %H:%M:%S} UTC: “{last.reason}”."


def _refuse(request: Request, caller: Caller, key: str, because: str) -> None:
    context = context_of(request)
    context.refusals.record(
        "flag.gate", now=context.clock.now(), actor=caller.actor, subject=f"flag:{key}", tenant=caller.tenant,
        detail={"because": because},
    )  # fmt: skip
