"""Who is known good: no attacker by what he hits, and every office, phone network and branch by its users."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from spine.detect import detect
from spine.detect.trust import known_good
from spine.finding import Finding
from spine.ids import TenantId
from spine.reach import Reach
from spine.settings.detect import DetectSettings
from store.bulk import ingest_frame
from store.engine import Database
from store.fold import fold
from store.frames import read_frames
from store.known import known_before

TENANT = TenantId("t1")
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
ATTACKER, OFFICE = "192.0.2.7", "198.51.100.1"
_ids = itertools.count()
Try = tuple[float, str, bool]
"""Minutes ago, user, got in."""


def tries(address: str, rows: Iterable[Try]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["ago", "user_id", "ok"])
    return pd.DataFrame(
        {
            "id": [f"e{next(_ids):07d}" for _ in range(len(frame))],
            "type": frame["ok"].map({True: "login_succeeded", False: "login_failed"}),
            "occurred_at": [NOW - timedelta(minutes=m) for m in frame["ago"]],
            "user_id": frame["user_id"],
            "ip": address,
        }
    )


def life(address: str = OFFICE, users: int = 40, days: int = 2) -> pd.DataFrame:
    """Each user logs in once a day, the last time some hours ago."""
    return tries(address, [(1440 * d + 180 + 5 * u, f"{address}-{u}", True) for d in range(days) for u in range(users)])


def look(database: Database, *parts: pd.DataFrame) -> list[Finding]:
    events = pd.concat(parts, ignore_index=True).sort_values("occurred_at")
    ingest_frame(database, events, tenant_id=TENANT, now=NOW)
    with database.system() as connection:
        fold(connection)
        found = detect(read_frames(connection, NOW), DetectSettings())
    return [finding for finding in found if finding.margin >= 1]


def named(found: list[Finding]) -> set[str]:
    return {address for finding in found for address in finding.addresses}


def stuffing(minutes: float, one_in: int, seconds: float, *, users: int = 10_000) -> list[Try]:
    """A user every few seconds up to now, one in so many gets in."""
    total = int(minutes * 60 / seconds)
    return [((total - k) * seconds / 60, f"u{k % users}", k % one_in == one_in - 1) for k in range(total)]


@pytest.mark.parametrize("one_in", [5, 7, 20])
@pytest.mark.parametrize(("minutes", "seconds"), [(10, 5), (120, 20), (720, 60)], ids=["10 min", "2 h", "12 h"])
def test_no_hit_makes_an_attacker_a_neighbour(database: Database, one_in: int, minutes: float, seconds: float) -> None:
    rows = stuffing(minutes, one_in, seconds)
    found = look(database, life(), tries(ATTACKER, rows))
    assert named(found) == {ATTACKER}
    recent = {user for ago, user, ok in rows if ok and ago < 58}
    assert recent <= {user for finding in found for user in finding.compromised}


def test_nor_do_accounts_of_his_own(database: Database) -> None:
    mine = [(ago - 0.01, f"own{k % 3}", True) for k, (ago, _, _) in enumerate(stuffing(300, 99, 20))]
    past = [(1440.0 + k, f"own{k % 3}", True) for k in range(60)]
    found = look(database, life(), tries(ATTACKER, past + mine + stuffing(300, 99, 20)))
    assert named(found) == {ATTACKER}


def test_nor_does_having_got_in_as_most_users_of_a_small_tenant(database: Database) -> None:
    rows = stuffing(720, 5, 60, users=16)
    assert named(look(database, life(users=20), tries(ATTACKER, rows))) == {ATTACKER}


def test_a_patient_spray_with_hits_is_seen_although_each_address_does_little(database: Database) -> None:
    spray = [tries(f"192.0.2.{i}", [(60.0 * k + i, f"v{i}-{k}", k % 5 == 2) for k in range(12)]) for i in range(12)]
    found = look(database, life(), *spray)
    assert {finding.detector for finding in found} == {"unknown_address_users"}
    assert OFFICE not in named(found)


def test_a_guess_after_many_tries_at_one_user_earns_nothing(database: Database) -> None:
    again = [(float(ago), "u1", True) for ago in (1, 0.8, 0.6, 0.4, 0.2)]
    rows = [(30 - k / 2, "u1", False) for k in range(57)]
    found = look(database, life(), tries(ATTACKER, [*rows, *again]))
    assert named(found) == {ATTACKER}
    assert {user for finding in found for user in finding.compromised} == {"u1"}


STORM = [(600 * k / 1200, f"{OFFICE}-0", False) for k in range(1200)]
TYPOS = [tries(OFFICE, [(1500.0 + 20 * k, f"typo{k}", False) for k in range(30)])]
MORNING = [(60.0 - k, f"n{k}", True) for k in range(40)]
MISTYPED = [(60.3 - k - n / 10, f"n{k}", False) for k in range(0, 40, 3) for n in range(3)]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([life(), tries(OFFICE, STORM)], id="an office NAT at night, one client in a retry storm"),
        pytest.param([life(), tries(OFFICE, [*STORM, *MORNING, *MISTYPED])], id="the same office in the morning"),
        pytest.param([life(users=1), tries(OFFICE, STORM)], id="one home, one stale client"),
        pytest.param(
            [life(users=1), tries(OFFICE, [(1500.0 + k, f"typo{k}", False) for k in range(5)]), tries(OFFICE, STORM)],
            id="one home, one stale client, and five mistyped names",
        ),
        pytest.param([life(users=20), *TYPOS, tries(OFFICE, STORM)], id="an office that mistypes thirty names"),
        pytest.param([life(), tries("198.51.100.9", [*MORNING, *MISTYPED])], id="a new office's first hour"),
        pytest.param(
            [
                life(address, users=12) if day else tries(address, [(50 - k, f"c{i}-{k}", k % 4 > 0) for k in range(8)])
                for i, address in enumerate(f"203.0.113.{i}" for i in range(20))
                for day in (0, 1)
            ],
            id="a phone network, where some mistype and give up",
        ),
    ],
)
def test_people_stay_neighbours(database: Database, parts: list[pd.DataFrame]) -> None:
    assert look(database, *parts) == []


def test_an_address_is_judged_by_its_last_month_or_two(database: Database) -> None:
    """An office whose machine attacked is a home again, once that is long ago."""

    def known() -> bool:
        with database.system() as connection:
            fold(connection)
            connection.execute(text("update auth_address set maps_since = maps_since - interval '31 days'"))
            return bool(connection.execute(text(KNOWN)).scalar_one())

    seen = []
    for part in (stuffing(100, 99, 20), *([(5.0 - k, f"c{n}", True) for n in range(40)] for k in range(3))):
        ingest_frame(database, tries(OFFICE, part), tenant_id=TENANT, now=NOW)
        seen.append(known())
    assert seen == [False, False, True, True]


KNOWN = """
select address_known(users_tried | users_tried_before, users_entered | users_entered_before, failures, successes, 0)
from auth_address"""


def test_nobody_outside_knows_which_users_share_a_bit(database: Database) -> None:
    with database.system() as connection:
        seed = connection.execute(text("select seed from auth_user_bits")).scalar_one()
        bits = connection.execute(text("select user_bit('ann', 0), user_bit('ann', :s)"), {"s": seed}).one()
    assert seed != 0
    assert all(bit.bit_count() == 1 for bit in (b & (2**64 - 1) for b in bits))


def test_what_was_hit_before_anybody_noticed_makes_no_neighbour_for_a_diagnosis(database: Database) -> None:
    look(database, life(days=1), tries(ATTACKER, stuffing(720, 5, 60)))
    with database.system() as connection:
        known = known_before(
            connection,
            Reach(TENANT),
            NOW - timedelta(minutes=30),
            users=["u4", "u0", "u719"],
            addresses=[ATTACKER, OFFICE],
        )
    assert (known.users, known.addresses) == ({"u4"}, {OFFICE})
    assert known.residents == {(ATTACKER, "u4")}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), tried=st.integers(1, 2_000), share=st.floats(0, 1))
def test_the_database_judges_as_the_rule_does(database: Database, seed: int, tried: int, share: float) -> None:
    """Away from the line, that is: 64 bits count users well, not exactly."""
    entered = round(tried * share)
    bits = [1 << int(b) for b in np.random.default_rng(seed).integers(0, 64, tried)]
    maps = [
        int(np.bitwise_or.reduce(np.array(part or [0], np.uint64)).astype(np.int64)) for part in (bits, bits[:entered])
    ]
    numbers = {"t": maps[0], "e": maps[1], "f": tried - entered, "s": entered}
    with database.system() as connection:
        known = connection.execute(text("select address_known(:t, :e, :f, :s, 0)"), numbers).scalar_one()
    if share < 0.2 or share > (0.6 if tried < 100 else 0.8 if tried > 300 else 1):
        assert known == known_good(tried=tried, entered=entered, early=0)
