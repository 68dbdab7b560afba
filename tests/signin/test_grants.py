"""Roles and scopes: the one table, and what it must never say."""

from itertools import pairwise

import pytest

from gateway.auth import READS, Scope, granted
from gateway.grant import SCOPES_OF, scopes_of
from spine.person import Role

LADDER = [Role.VIEWER, Role.SUPPORT, Role.RESPONDER, Role.SECURITY_ADMIN]


def test_every_role_is_in_the_table_and_each_rung_of_the_ladder_adds() -> None:
    assert set(SCOPES_OF) == set(Role)
    for lower, higher in pairwise(LADDER):
        assert SCOPES_OF[lower] < SCOPES_OF[higher], f"{lower} < {higher}"


def test_the_engine_and_nobody_hold_nothing() -> None:
    assert scopes_of([]) == scopes_of([Role.ENGINE]) == frozenset()


@pytest.mark.parametrize("scope", [Scope.PEOPLE_WRITE, Scope.KEYS_WRITE])
def test_only_security_admins_change_who_may_what(scope: Scope) -> None:
    assert {role for role in Role if scope in SCOPES_OF[role]} == {Role.SECURITY_ADMIN}


def test_no_role_brings_what_belongs_to_applications() -> None:
    assert not any(scope.value.startswith("events:") for role in Role for scope in SCOPES_OF[role])


def test_viewers_and_support_read_but_neither_decide_nor_act() -> None:
    for role in (Role.VIEWER, Role.SUPPORT):
        assert SCOPES_OF[role].isdisjoint({Scope.APPROVALS_DECIDE, Scope.ACTIONS_WRITE, Scope.FLAGS_WRITE})
        assert SCOPES_OF[role].isdisjoint({Scope.AUDIT_READ, Scope.PEOPLE_READ})


def test_a_key_never_decides_and_what_is_unknown_opens_nothing() -> None:
    assert granted(["approvals:decide", "flags:read", "everything", ""]) == {Scope.FLAGS_READ}
    assert granted(["ops:read"]) == READS
