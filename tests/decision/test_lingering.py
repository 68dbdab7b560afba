"""Of single users no rate can fall: what counts is whether anything of the old sessions still works."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine.case_example import NOW
from spine.case_rows import Rows, case_of
from spine.criteria import recovery
from spine.decision.blast import COLUMNS, DETAILS
from spine.decision.plan_hash import digest
from spine.event_type import EventType
from spine.family import family_of
from spine.incident import IncidentKind
from spine.lingering import STRONG, USES, ending
from spine.plan import Lingering, VerifyCriteria
from spine.sample import samples
from spine.settings import DrillSettings, VerifySettings
from spine.verdict import Cause, Outcome, Verdict, judge

T = EventType
SESSIONS = IncidentKind.SESSION_ANOMALIES
MINUTE = timedelta(minutes=1)
THERE, HOME = "198.51.100.9", "192.0.2.1"
WATCHED = Lingering(users=("u0",), sessions=("old",), addresses=(THERE,), types=USES)


def criteria(
    watched: Lingering = WATCHED, *, within: float = 1, verify: VerifySettings | None = None
) -> VerifyCriteria:
    chosen = verify or VerifySettings()
    usual = recovery(case_of(SESSIONS, Rows(type=T.SESSION_USED)), chosen)
    return ending(usual, watched, chosen, within=within * MINUTE)


def event(minute: float, kind: EventType = T.SESSION_USED, **given: Any) -> dict[str, Any]:
    """An event so many minutes after the effect."""
    row = dict.fromkeys([*COLUMNS, *DETAILS])
    return row | {
        "id": f"{kind}{minute}", "type": kind.value, "occurred_at": NOW + minute * MINUTE, "user_id": "u0", "ip": HOME,
        "attributes": {}, **given,
    }  # fmt: skip


def verdict(
    *events: dict[str, Any], after: float = 40, watermark: float | None = None, asked: VerifyCriteria | None = None
) -> Verdict:
    """What is said so many minutes after the effect; nobody but the one user is there."""
    asked, now = asked or criteria(), NOW + after * MINUTE
    frame = pd.DataFrame(list(events), columns=[*COLUMNS, *DETAILS])
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True)
    found = samples(
        frame, applied_at=NOW, now=now, window=asked.window,
        watermark=now if watermark is None else NOW + watermark * MINUTE, known_users=("u0",), known_addresses=(HOME,),
        family=family_of(SESSIONS), lingering=asked.lingering,
    )  # fmt: skip
    return judge(asked, found, applied_at=NOW, now=now)


def test_a_quiet_end_is_an_end_without_one_legitimate_attempt() -> None:
    said = verdict()
    assert (said.outcome, said.cause) == (Outcome.FIXED, Cause.ENDED)
    assert "nothing of the old sessions worked for" in said.because


def test_it_takes_the_whole_half_hour_after_the_grace() -> None:
    assert [verdict(after=after).outcome for after in (29, 30.5, 35)] == [
        Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Outcome.FIXED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (event(0.5, session_id="old"), Outcome.FIXED),
        (event(1.5, session_id="old"), Outcome.NOT_FIXED),
        (event(33, session_id="old"), Outcome.NOT_FIXED),
        (event(20, ip=THERE, session_id="new"), Outcome.NOT_FIXED),
        (event(20, T.SESSION_CREATED, ip=THERE), Outcome.NOT_FIXED),
        (event(20, session_id="new"), Outcome.FIXED),
        (event(20, session_id="old", user_id="u7"), Outcome.FIXED),
        (event(20, T.SESSION_ENDED, session_id="old"), Outcome.FIXED),
    ],
    ids=[
        "within the minute", "after it", "late", "a new session from there", "one more login from there",
        "the user is back", "somebody else", "it ended",
    ],
)  # fmt: skip
def test_one_use_is_enough(seen: dict[str, Any], outcome: Outcome) -> None:
    assert verdict(seen).outcome is outcome


def test_what_is_refused_is_the_proof_and_no_harm() -> None:
    """A program that goes on with a dead cookie fails hundreds of times; so does the user's forgotten tab."""
    tries = [event(2 + k / 10, T.SESSION_REJECTED, session_id="old", ip=THERE) for k in range(200)]
    tab = [event(2 + k / 9, T.SESSION_REJECTED, session_id="old") for k in range(200)]
    said = verdict(*tries, *tab)
    assert (said.outcome, said.cause) == (Outcome.FIXED, Cause.STOPPED)
    assert "400 uses were refused" in said.because


def test_others_who_are_hurt_are_harm_all_the_same() -> None:
    frame = [event(k / 10, T.SESSION_REJECTED) for k in range(60)]
    watched = WATCHED.model_copy(update={"users": ("u9",)})
    assert verdict(*frame, asked=criteria(watched)).outcome is Outcome.HARMFUL


@pytest.mark.parametrize(
    ("factor", "ip", "outcome"),
    [
        ("webauthn", THERE, Outcome.FIXED),
        ("sms", THERE, Outcome.NOT_FIXED),
        (None, THERE, Outcome.NOT_FIXED),
        ("webauthn", HOME, Outcome.NOT_FIXED),
    ],
)
def test_whoever_shows_a_factor_that_cannot_be_phished_there_is_the_user(
    factor: str | None, ip: str, outcome: Outcome
) -> None:
    asked = criteria(WATCHED.model_copy(update={"factors": STRONG}), within=15)
    proof = event(9, T.MFA_SUCCEEDED, ip=ip, attributes={"factor": factor})
    assert verdict(proof, event(25, ip=THERE), after=60, asked=asked).outcome is outcome


def test_where_no_session_and_no_address_is_known_new_sessions_are_the_user_s() -> None:
    unknown = criteria(Lingering(users=("u0",), types=USES))
    assert verdict(event(20), asked=unknown).outcome is Outcome.NOT_FIXED
    back = [event(10, T.LOGIN_SUCCEEDED), event(20), event(21, T.SESSION_CREATED)]
    assert verdict(*back, asked=unknown).outcome is Outcome.FIXED


def test_a_tenant_that_sleeps_is_waited_for_and_not_for_ever() -> None:
    asleep = verdict(after=50, watermark=10)
    assert (asleep.outcome, asleep.pending) == (Outcome.INCONCLUSIVE, True)
    assert verdict(after=90, watermark=88).outcome is Outcome.FIXED
    gone = verdict(after=90, watermark=10)
    assert (gone.outcome, gone.pending) == (Outcome.INCONCLUSIVE, False)


def test_a_drill_sees_it_in_seconds() -> None:
    quick = criteria(verify=DrillSettings().verify)
    assert quick.hold <= timedelta(seconds=6)
    assert quick.lingering is not None
    assert quick.lingering.grace == quick.deadline == timedelta(seconds=DrillSettings().settle_seconds)
    assert verdict(after=0.5, asked=quick).outcome is Outcome.FIXED


def test_plans_without_it_keep_their_hash_and_those_with_it_sign_whom_it_is_about() -> None:
    plain = criteria().model_copy(update={"lingering": None})
    assert "lingering" not in plain.model_dump()
    other = criteria(WATCHED.model_copy(update={"users": ("u1",)}))
    assert len({digest(plain), digest(criteria()), digest(other)}) == 3


MADE = st.tuples(
    st.floats(0, 60), st.sampled_from(list(T)), st.sampled_from([HOME, THERE, None]),
    st.sampled_from(["old", "new", None]), st.sampled_from(["u0", "u1", None]),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(MADE, max_size=12))
def test_it_is_fixed_exactly_when_nothing_lingers(made: list[tuple[Any, ...]]) -> None:
    rows = [
        event(at, kind, ip=ip, session_id=session, user_id=user, id=str(k))
        for k, (at, kind, ip, session, user) in enumerate(made)
    ]
    mine = [r for r in rows if r["user_id"] == "u0"]

    def proven(row: dict[str, Any]) -> bool:
        return row["ip"] is not None and any(
            r["type"] == T.MFA_SUCCEEDED.value and r["ip"] == row["ip"] and r["occurred_at"] <= row["occurred_at"]
            for r in mine
        )

    lingers = [
        r
        for r in mine
        if r["type"] in USES
        and (r["session_id"] == "old" or r["ip"] == THERE)
        and NOW + MINUTE <= r["occurred_at"] < NOW + 60 * MINUTE
        and not proven(r)
    ]
    assert verdict(*rows, after=60.001).outcome is (Outcome.NOT_FIXED if lingers else Outcome.FIXED)
