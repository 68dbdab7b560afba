"""Every mitigation: found by name, within the bounds of its specification, estimated honestly, and undone."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from spine.detect.summary import hashed
from spine.flag import CATALOGUE
from spine.lease import LeaseState
from spine.plan import Risk
from spine.settings import PolicySettings
from store.evidence import digest, evidence_rows
from store.ingest import ingest_raw
from store.partition import ensure_partitions
from tasks.leasing import revert_lease, settle_unknown
from tasks.mitigations import actions

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
EXAMPLES: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "rate_limit.strict": ({"per_minute": 6}, ()),
    "captcha.require": ({"mode": "all"}, ()),
    "ip.throttle": ({"per_minute": 0.5}, ("203.0.113.0/24", "2001:db8::/48")),
    "ip.block": ({}, ("203.0.113.7/32",)),
    "user.stepup_require": ({"whom": "admins", "factors_before": "2026-03-02T09:00:00Z"}, ("ada", "bob")),
    "email.failover": ({"stream": "reset"}, ()),
    "reset.pause": ({}, ()),
    "token.ttl_set": ({"token": "verification", "link_minutes": 1440}, ()),
    "oauth.provider_disable": ({"mode": "block"}, ("google",)),
    "oauth.config_rollback": ({"provider": "google", "version": "v41"}, ()),
    "jwks.refresh": ({"epoch": 1772442000}, ("https://id.example.org",)),
    "jwt.kid_overlap": ({}, ("2025-11/a",)),
    "jwt.kid_reject": ({}, ("2025-11/a", "2025-12/b")),
    "tenant.deny_cross": ({}, ("globex",)),
    "cache.disable_shared": ({}, ("profiles",)),
    "tenant.isolate": ({"mode": "offline"}, ()),
    "admin.freeze": ({}, ()),
}

OUTSIDE = (
    "admin.role_revoke", "email.retry_queue", "password.force_reset", "session.revoke_scope", "session.revoke_user",
    "user.lock_temp", "user.notify",
)  # fmt: skip
"""What acts beyond our own store; tests/identity has them."""


def _logins(*rows: tuple[float, str, str, bool]) -> pd.DataFrame:
    """Login attempts: (seconds, address, user, known)."""
    return pd.DataFrame(
        [
            {"id": str(n), "type": "login_failed", "occurred_at": START + timedelta(seconds=s), "user_id": user,
             "ip": ip, "country": None, "user_agent": None, "known_user": known, "known_address": known,
             "provider": None, "resource_tenant_id": None, "kid": None, "service": None}
            for n, (s, ip, user, known) in enumerate(rows)
        ]
    )  # fmt: skip


def test_all_are_found_without_the_orchestrator() -> None:
    check = "import sys, tasks.mitigations as m; print(*sorted(m.actions())); assert 'prefect' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.split() == sorted([*EXAMPLES, "evidence.snapshot", *OUTSIDE])


@pytest.mark.parametrize("key", sorted(actions()))
def test_a_kind_is_its_file_and_its_flag_is_in_the_catalogue(key: str) -> None:
    mitigation = actions()[key]
    spec = mitigation.spec
    assert spec.key == key
    assert spec.title
    assert spec.flag_key is None or spec.flag_key in CATALOGUE
    assert (spec.ttl is None) == (not spec.reversible)


@pytest.mark.parametrize(
    ("key", "risk", "ttl_minutes", "most"),
    [
        ("rate_limit.strict", Risk.LOW, (5, 30, 240), 0),
        ("captcha.require", Risk.MEDIUM, (5, 60, 240), 0),
        ("ip.throttle", Risk.MEDIUM, (5, 60, 1440), 50),
        ("ip.block", Risk.HIGH, (5, 30, 240), 20),
        ("user.stepup_require", Risk.MEDIUM, (15, 240, 1440), 100),
        ("email.failover", Risk.MEDIUM, (15, 240, 1440), 0),
        ("reset.pause", Risk.HIGH, (5, 15, 60), 0),
        ("token.ttl_set", Risk.HIGH, (15, 240, 240), 0),
        ("oauth.provider_disable", Risk.HIGH, (15, 60, 240), 5),
        ("oauth.config_rollback", Risk.HIGH, (15, 240, 1440), 0),
        ("jwks.refresh", Risk.LOW, (5, 10, 60), 5),
        ("jwt.kid_overlap", Risk.HIGH, (5, 60, 1440), 1),
        ("jwt.kid_reject", Risk.CRITICAL, (15, 240, 1440), 5),
        ("tenant.deny_cross", Risk.HIGH, (15, 60, 240), 10),
        ("cache.disable_shared", Risk.MEDIUM, (15, 60, 240), 10),
        ("tenant.isolate", Risk.CRITICAL, (15, 60, 240), 0),
        ("admin.freeze", Risk.HIGH, (15, 30, 120), 0),
    ],
)
def test_the_registry_has_the_specified_bounds(key: str, risk: Risk, ttl_minutes: tuple[int, ...], most: int) -> None:
    spec = actions()[key].spec
    assert spec.ttl is not None
    bounds = (spec.ttl.min, spec.ttl.default, spec.ttl.max)
    assert tuple(int(b.total_seconds() / 60) for b in bounds) == ttl_minutes
    assert spec.risk_of(spec.parse(EXAMPLES[key][0])) is risk
    assert spec.max_targets == most
    assert spec.problems(*EXAMPLES[key], spec.ttl.default, PolicySettings()) == []


@pytest.mark.parametrize("key", sorted(EXAMPLES))
def test_applied_read_back_and_taken_back_any_number_of_times(ledger, key: str) -> None:
    params, targets = EXAMPLES[key]
    spec = ledger.ports.actions[key].spec
    before = ledger.flag(spec.flag_key)
    lease = ledger.apply(ledger.step(key, *targets, **params))
    assert lease.state is LeaseState.ACTIVE
    for target in targets or [None]:
        assert ledger.reads(spec.flag_key, **reached(ledger, key, target)).variant == held(ledger, key)
    if targets or ledger.ports.actions[key].scope(spec.parse(params)):
        assert ledger.reads(spec.flag_key).value == before.definition.default
    with ledger.database.system() as connection:
        mitigation = ledger.ports.actions[key]
        mitigation.apply(connection, lease, actor="engine", now=ledger.clock.now())
        assert mitigation.read_back(connection, lease, now=ledger.clock.now()).in_force
        for _ in range(2):
            mitigation.revert(connection, lease, actor="engine", now=ledger.clock.now())
        assert not mitigation.read_back(connection, lease, now=ledger.clock.now()).in_force
    assert ledger.flag(spec.flag_key) == before
    assert len(ledger.audited("flag.changed")) == 2
    assert ledger.end(lease).state is LeaseState.REVERTED


def held(ledger, key: str) -> str:
    """The variant that the example of `key` asks for."""
    spec = ledger.ports.actions[key].spec
    return spec.variant_of(spec.parse(EXAMPLES[key][0]))


def reached(ledger, key: str, target: str | None) -> dict[str, str]:
    """What the context tells of somebody the example of `key` is for."""
    mitigation = ledger.ports.actions[key]
    told = dict(mitigation.scope(mitigation.spec.parse(EXAMPLES[key][0])))
    if target is not None:
        told |= {mitigation.spec.names.of: target} if mitigation.spec.names else {"ip": target.split("/")[0]}
    return told


def test_emergency_accounts_are_exempt_from_a_freeze(ledger) -> None:
    ledger.apply(ledger.step("admin.freeze"))
    key = "admin.privilegedWrites.disabled"
    assert ledger.reads(key).value is True
    assert ledger.reads(key, breakGlass=False).value is True
    assert ledger.reads(key, breakGlass=True).value is False


def test_what_the_application_is_told_beside_the_value(ledger) -> None:
    told = {}
    for order, (key, (params, targets)) in enumerate(EXAMPLES.items()):
        ledger.apply(ledger.step(key, *targets, order=order, **params))
        context = reached(ledger, key, targets[0] if targets else None)
        told[key] = dict(ledger.reads(ledger.ports.actions[key].spec.flag_key, **context).metadata)
    assert {key: metadata for key, metadata in told.items() if metadata} == {
        "rate_limit.strict": {"scope": "address", "perMinute": 6, "burst": 6},
        "captcha.require": {"mode": "all"},
        "ip.throttle": {"perMinute": 0.5, "burst": 1},
        "user.stepup_require": {"factorsBefore": 1772442000},
        "token.ttl_set": {"verificationMinutes": 1440},
        "oauth.config_rollback": {"version.google": "v41"},
        "jwks.refresh": {"epoch": 1772442000},
    }


def test_two_leases_of_one_flag_do_not_lend_each_other_their_numbers(ledger) -> None:
    ledger.apply(ledger.step("token.ttl_set", token="reset", link_minutes=30))
    ledger.apply(ledger.step("token.ttl_set", order=2, token="verification", link_minutes=1440))
    for token in ("reset", "verification"):
        read = ledger.reads("auth.token.ttlOverride", token=token)
        assert (read.value, read.metadata["resetMinutes"], read.metadata["verificationMinutes"]) == (True, 30, 1440)


def _stopped(key: str, params: dict[str, object], targets: tuple[str, ...], logins: pd.DataFrame) -> list[bool]:
    spec = actions()[key].spec
    return list(spec.stops(spec.parse(params), targets, logins))


def test_a_block_stops_exactly_its_networks() -> None:
    logins = _logins((0, "203.0.113.7", "u1", False), (1, "203.0.113.8", "u2", False), (2, "198.51.100.1", "u3", True))
    assert _stopped("ip.block", {}, ("203.0.113.7/32",), logins) == [True, False, False]
    assert _stopped("ip.block", {}, ("203.0.113.0/24",), logins) == [True, True, False]


def test_a_throttle_lets_through_what_its_rate_allows_and_leaves_others_alone() -> None:
    bursts = [(s, "203.0.113.7", f"u{s}", False) for s in (0, 1, 2, 61, 62)]
    logins = _logins(*bursts, (63, "198.51.100.1", "v", True), (63, "198.51.100.1", "v", True))
    stopped = _stopped("ip.throttle", {"per_minute": 1}, ("203.0.113.0/24",), logins)
    assert stopped == [False, True, True, False, True, False, False]


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [("address", [False, False, True, True]), ("user", [False, False, False, True])],
)
def test_a_rate_limit_counts_by_its_scope(scope: str, stopped: list[bool]) -> None:
    logins = _logins(*((s, "192.0.2.1", user, False) for s, user in ((0, "a"), (0, "b"), (1, "a"), (2, "a"))))
    assert _stopped("rate_limit.strict", {"scope": scope, "per_minute": 1, "burst": 2}, (), logins) == stopped


def test_a_captcha_stops_strangers_only() -> None:
    logins = _logins((0, "192.0.2.1", "a", False), (1, "192.0.2.2", "b", True))
    logins.loc[2] = {**logins.loc[1].to_dict(), "known_user": False}
    assert _stopped("captcha.require", {"mode": "risk"}, (), logins) == [True, False, False]
    assert _stopped("captcha.require", {"mode": "all"}, (), logins) == [True, False, True]


@pytest.mark.parametrize("key", [k for k in EXAMPLES if k != "captcha.require"])
def test_an_estimate_over_no_logins_is_empty(key: str) -> None:
    nothing = _logins((0, "192.0.2.1", "a", False)).iloc[:0]
    assert _stopped(key, *EXAMPLES[key], nothing) == []


def _rows(**columns: list[object]) -> pd.DataFrame:
    """Attempts of whom only these columns matter."""
    frame = _logins(*((n, "192.0.2.1", "u", True) for n in range(len(next(iter(columns.values()))))))
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("key", "column", "values", "stopped"),
    [
        ("reset.pause", "type", ["password_reset_delivered", "login_failed"], [True, False]),
        ("oauth.provider_disable", "provider", ["google", "github", None], [True, False, False]),
        ("jwt.kid_reject", "kid", ["2025-12/b", "other", None], [True, False, False]),
        ("tenant.deny_cross", "resource_tenant_id", ["globex", "acme", None], [True, False, False]),
        ("tenant.isolate", "type", ["tenant_scope_ok", "login_succeeded"], [True, True]),
        ("admin.freeze", "type", ["admin_action", "admin_login"], [True, False]),
        ("email.failover", "type", ["password_reset_delivered"], [False]),
    ],
)
def test_an_action_stops_what_it_is_aimed_at(key: str, column: str, values: list[object], stopped: list[bool]) -> None:
    assert _stopped(key, *EXAMPLES[key], _rows(**{column: values})) == stopped


def test_a_snapshot_freezes_the_logins_and_stays_after_its_end(ledger) -> None:
    with ledger.database.owner() as connection:
        ensure_partitions(connection, ledger.clock.now(), ledger.settings.retention)
    tried = ((5, "203.0.113.7", "ada"), (6, "203.0.113.7", "bob"), (180, "203.0.113.8", "eve"))
    raw = [
        {"id": user, "type": "login_failed", "ip": ip, "user_id": user,
         "occurred_at": (ledger.clock.now() - timedelta(minutes=minutes)).isoformat()}
        for minutes, ip, user in tried
    ]  # fmt: skip
    assert ingest_raw(ledger.database, ledger.tenant, raw, now=ledger.clock.now()).accepted == 3
    lease = ledger.apply(ledger.step("evidence.snapshot", hours=2))
    assert (lease.state, lease.expires_at) == (LeaseState.ACTIVE, None)
    with ledger.database.system() as connection:
        (row,) = evidence_rows(connection, ledger.incident)
    assert digest(row) == row["sha256"] == lease.receipt["read_back"]["sha256"]
    assert (row["n"], row["observed"]) == (2, {"login_failed": 2.0})
    assert row["body"]["addresses"] == {"203.0.113.7": 2}
    assert set(row["body"]["users"]) == {hashed(ledger.tenant, user) for user in ("ada", "bob")}
    assert row["window_end"] - row["window_start"] == timedelta(hours=2)

    assert settle_unknown(ledger.database, lease.id, ports=ledger.ports) == lease
    assert ledger.tend(hours=48) == []
    ended = revert_lease(ledger.database, lease.id, reason="incident over", ports=ledger.ports)
    assert ended.state is LeaseState.REVERTED
    with ledger.database.system() as connection:
        assert evidence_rows(connection, ledger.incident) == [row]
