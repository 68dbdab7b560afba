"""Who looks at a page: always a person, signed in, with the scope the page needs."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request

from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.problem import Problem
from spine.person import Person, PersonRef


def visiting(*scopes: Scope) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency: the person who asks, with one of `scopes` (none = anybody signed in).

    Raises:
        Problem: 401 (a page then sends to where one signs in), 403.
    """
    known = calling(*scopes)

    async def visitor(request: Request) -> Caller:
        caller = await known(request)
        if caller.person is None:
            raise Problem(403, "console.person", "The console is for people. A program uses /api/ops with its key.")
        return caller

    return visitor


AnyVisitor = Annotated[Caller, Depends(visiting())]
Reader = Annotated[Caller, Depends(visiting(Scope.INCIDENTS_READ))]
Writer = Annotated[Caller, Depends(visiting(Scope.INCIDENTS_WRITE))]
Decider = Annotated[Caller, Depends(visiting(Scope.APPROVALS_DECIDE))]
Actor = Annotated[Caller, Depends(visiting(Scope.ACTIONS_WRITE))]
FlagReader = Annotated[Caller, Depends(visiting(Scope.FLAGS_READ))]
FlagWriter = Annotated[Caller, Depends(visiting(Scope.FLAGS_WRITE))]
SuppressionReader = Annotated[Caller, Depends(visiting(Scope.SUPPRESSIONS_READ))]
SuppressionWriter = Annotated[Caller, Depends(visiting(Scope.SUPPRESSIONS_WRITE))]
Auditor = Annotated[Caller, Depends(visiting(Scope.AUDIT_READ))]
OncallReader = Annotated[Caller, Depends(visiting(Scope.ONCALL_READ))]
OncallWriter = Annotated[Caller, Depends(visiting(Scope.ONCALL_WRITE))]
HealthReader = Annotated[Caller, Depends(visiting(Scope.HEALTH_READ))]


def person_of(caller: Caller) -> Person:
    """The person behind a visitor."""
    assert caller.person is not None
    return caller.person


def account_of(caller: Caller) -> PersonRef:
    """Their account, as `decide()` wants it."""
    assert caller.account is not None
    return caller.account


def may(caller: Caller, scope: Scope) -> bool:
    """True when a page may offer what needs `scope`. It is asked again when it is done."""
    return scope in caller.scopes
