"""An administrator in strange hands is cut off by others; whoever is suspected hears nothing and decides nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks.drills import drill_named
from runbooks.suspicious_admin_login import ADMIN_LINE, FACTS, RUNBOOK, criteria, diagnose, propose
from spine.case import Case, Diagnosis
from spine.case_example import TENANT
from spine.case_rows import Rows, case_of
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.detect.entity.sighting import subject_of
from spine.drill import Stage
from spine.event import Event, parse_event
from spine.event_type import EventType
from spine.identity import STAND_IN
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.lingering import STRONG
from spine.person import Role
from spine.plan import Decision, Gate, Verb
from spine.settings import Settings, VerifySettings
from spine.severity import Severity
from store import people
from store.engine import Database
from store.secrets import Vault, first_key
from store.throwaway import throwaway
from tasks.mitigations import actions
from tasks.planning import affected as affected_people
from tasks.replaying import replay

T = EventType
KIND = IncidentKind.SUSPICIOUS_ADMIN_LOGIN
HOME, THERE, DESK = "192.0.2.1", "198.51.100.9", "192.0.2.2"
BROWSER, STRANGE = "Mozilla/5.0 Firefox/140.0", "Mozilla/5.0 Chrome/150.0"
OWN = Rows(type=T.ADMIN_ACTION, n=3, since=50, until=20, user_agent=BROWSER, country="DE")
LOGIN = Rows(
    type=T.ADMIN_LOGIN, since=10, ip=THERE, user_agent=STRANGE, country="BR",
    attributes={"factor": "sms", "device_new": True},
)  # fmt: skip
CHANGE = Rows(
    type=T.ADMIN_ACTION, since=6, ip=THERE, user_agent=STRANGE, attributes={"admin_action": "api_key_created"}
)
OTHER = Rows(type=T.ADMIN_LOGIN, n=4, first_user=1, since=55, ip=DESK, user_agent=BROWSER)
REMAIN = replace(STAND_IN, able=frozenset({"u0", "u1", "u2"}))


def seen(*rows: Rows, **given: Any) -> Case:
    told = {
        "detectors": ("admin_login_surprise",), "n": 40, "margin": 14 / 8.5, "subject": subject_of(TENANT, "u0"),
        "suspects": (THERE,), "known_addresses": (HOME, DESK), "observed": {"bits": 14.0, "bits_agent": 5.0},
    }  # fmt: skip
    return case_of(KIND, *(rows or (OWN, LOGIN, OTHER)), **{**told, **given})


CRITICAL = {"severity": Severity.CRITICAL}


def taken(**given: Any) -> Case:
    """The login, and then an API token."""
    return seen(OWN, LOGIN, CHANGE, OTHER, **{**CRITICAL, **given})


def decided(case: Case, identity: Any = REMAIN) -> Decision:
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    rules = Rules.of(Settings(env="prod"))
    rules = replace(rules, site=replace(rules.site, identity=identity))
    return decide(case, diagnose(case), RUNBOOK, specs, rules=rules, flags={})


def gates(decision: Decision) -> dict[str, Gate]:
    return {step.action_key: step.gate for step in decision.steps}


def test_a_strange_login_asks_others_and_for_a_factor_and_is_cut_off_behind_an_approval() -> None:
    made = decided(seen())
    assert made.decision is Verb.MITIGATE
    assert {key for key, gate in gates(made).items() if gate is Gate.APPROVE} >= {
        "user.stepup_require", "session.revoke_user",
    }  # fmt: skip
    assert "admin.freeze" not in gates(made)


def test_after_a_change_changes_are_frozen_and_the_role_waits_for_two() -> None:
    made = decided(taken())
    assert made.decision is Verb.CONTAIN
    assert (gates(made)["admin.freeze"], gates(made)["admin.role_revoke"]) == (Gate.APPROVE, Gate.TWO_PERSON)
    assert diagnose(taken()).summary.endswith("1 privileged change, left behind: an API token")


@pytest.mark.parametrize("remaining", [("u0", "u1"), ("u0",)], ids=["one of two", "the last one"])
def test_the_last_administrators_keep_their_role(remaining: tuple[str, ...]) -> None:
    made = decided(taken(), replace(STAND_IN, able=frozenset(remaining)))
    (denied,) = (s for s in made.denied if s.action_key == "admin.role_revoke")
    assert "two_admins_remain" in {g.name for g in denied.guard_results if g.passed is False}
    assert "admin.freeze" in gates(made)


def test_the_suspected_channel_hears_nothing() -> None:
    made = decided(taken())
    told = next(s for s in made.steps if s.action_key == "user.notify")
    assert (told.targets, told.params["message"]) == (("u1",), ADMIN_LINE)


@pytest.mark.parametrize(
    "touched",
    [
        Rows(
            type=T.ADMIN_ACTION, since=6, ip=THERE, attributes={"admin_action": "user_changed", "target_user_id": "u1"}
        ),
        Rows(type=T.MFA_ENROLLED, first_user=1, since=6, ip=DESK),
    ],
    ids=["changed by the suspect", "a new factor"],
)
def test_whose_contact_was_touched_is_not_asked(touched: Rows) -> None:
    case = seen(OWN, LOGIN, OTHER, touched)
    assert "user.notify" not in {p.action_key for p in propose(case, diagnose(case))}
    assert any("whom to ask must be looked up" in gap for gap in diagnose(case).missing)


@pytest.mark.parametrize("detector", sorted(FACTS))
def test_one_fact_is_enough_to_ask_people(detector: str) -> None:
    made = decided(seen(detectors=(detector,), n=1, margin=1, observed={}))
    assert made.decision in (Verb.MITIGATE, Verb.CONTAIN)
    assert "user.stepup_require" in gates(made)


def test_an_emergency_is_not_cut_off_and_never_silenced() -> None:
    case = seen(detectors=("break_glass_login",), n=1, margin=1)
    found = diagnose(case)
    assert found.unsuppressible
    assert {p.action_key for p in propose(case, found)} == {"evidence.snapshot", "user.notify", "user.stepup_require"}


def test_a_known_password_alone_ends_no_session() -> None:
    failed = Rows(type=T.ADMIN_LOGIN_FAILED, since=8, ip=THERE, attributes={"first_factor_ok": True})
    case = seen(OWN, failed, OTHER, detectors=("admin_second_factor_failed",), n=1, margin=1)
    assert diagnose(case).attack_class == "somebody knows an administrator's password"
    assert "session.revoke_user" not in {p.action_key for p in propose(case, diagnose(case))}


def test_an_odd_hour_alone_and_a_journey_with_the_usual_device_do_nothing() -> None:
    home = replace(LOGIN, ip=HOME, user_agent=BROWSER, attributes={"factor": "webauthn"})
    under = seen(OWN, home, OTHER, margin=1 / 8.5, suspects=(HOME,), observed={"bits": 1.0})
    assert decided(under).decision is Verb.NO_ACTION
    near = seen(OWN, replace(home, ip=THERE), OTHER, margin=1.0, observed={"bits": 8.5}, severity=Severity.MEDIUM)
    assert decided(near).steps == ()
    assert {c.name for c in diagnose(near).confounders} == {"own device", "strong factor"}


def test_verification_asks_for_a_factor_that_cannot_be_phished_within_fifteen_minutes_or_silence() -> None:
    asked = criteria(taken(), diagnose(taken()), VerifySettings())
    assert asked.lingering is not None
    assert (asked.lingering.users, asked.lingering.factors) == (("u0",), STRONG)
    assert (asked.deadline, asked.hold) == (timedelta(minutes=15), timedelta(minutes=30))
    assert T.ADMIN_ACTION.value in asked.lingering.types


def test_refused_changes_are_no_changes_and_the_diff_is_told() -> None:
    refused = replace(CHANGE, attributes={"admin_action": "idp_created", "allowed": False})
    assert diagnose(seen(OWN, LOGIN, refused, OTHER)).numbers["privileged_changes"] == 0
    (theft, *_) = RUNBOOK.hypotheses(taken(), diagnose(taken()))
    assert any("api key created" in line for line in theft.for_)


def test_a_change_in_words_of_its_sender_is_not_repeated() -> None:
    loud = replace(CHANGE, attributes={"admin_action": "APPROVE THIS AT ONCE"})
    made = decided(seen(OWN, LOGIN, loud, OTHER, **CRITICAL))
    assert "APPROVE THIS" not in made.model_dump_json()
    assert "admin.freeze" in gates(made)


def unreadable(case: Case) -> Case:
    return Case.of(
        case.incident, case.findings, now=case.now, logins=None, known_users=None, known_addresses=None, watermark=None
    )


def test_of_an_unreadable_case_all_administrators_are_asked_for_a_factor_and_nobody_is_named() -> None:
    case = unreadable(seen(detectors=("admin_new_identity_provider",), n=1, margin=1))
    steps = {p.action_key: p for p in propose(case, diagnose(case))}
    assert set(steps) == {"evidence.snapshot", "user.stepup_require"}
    assert (steps["user.stepup_require"].targets, steps["user.stepup_require"].params["whom"]) == ((), "admins")
    assert diagnose(unreadable(seen())).confirmation == 0


def test_events_without_attributes_are_no_error() -> None:
    bare = [replace(one, user_agent=None, country=None, attributes={}) for one in (OWN, LOGIN, CHANGE, OTHER)]
    case = seen(*bare, **CRITICAL)
    found = diagnose(case)
    assert {"a login does not say by which factor (`factor`)"} <= set(found.missing)
    assert found.attack_class == "a suspicious login that changed something"
    assert decided(case).decision is Verb.CONTAIN


NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("readable", [True, False])
def test_an_administrator_of_ours_may_not_decide_about_their_own_login(
    database: Database, tmp_path: Path, readable: bool
) -> None:
    made = Settings(data_dir=tmp_path, secret_key=None)
    with database.system() as connection:
        first_key(connection, made)
        for email in ("root@acme.example", "other@acme.example"):
            people.add(
                connection, email, email, [(TENANT, Role.SECURITY_ADMIN)], vault=Vault.of(made), actor="t", now=NOW
            )
    case = taken(subject=subject_of(TENANT, "root@acme.example"))
    renamed = replace(case, logins=case.logins.assign(user_id="root@acme.example"))
    case = renamed if readable else unreadable(case)
    found = diagnose(case) if not readable else Diagnosis(
        attack_class="x", summary="x", confirmation=1, confirmed_by="x"
    )  # fmt: skip
    with database.system() as connection:
        affected = affected_people(connection, case, found)
        names = {str(one.id): one.email for one in people.everybody(connection)}
    assert [names[one] for one in affected] == ["root@acme.example"]


def test_the_drill_opens_high_and_rises_when_something_is_changed(database: Database) -> None:
    drill, tenant = drill_named(KIND, ""), TenantId("acme")
    events: list[Event] = []
    for number, raw in enumerate(drill.script(Stage(tenant=tenant, seed=1, end=NOW))):
        event = parse_event({"id": str(number), **raw}, now=NOW + timedelta(minutes=1), tenant=tenant)
        assert isinstance(event, Event)
        events.append(event)
    severities = []
    for minutes in (9, 0):
        end = NOW - timedelta(minutes=minutes)
        with throwaway(database, application="drill") as own:
            before = [event for event in events if event.occurred_at <= end]
            (opened,) = replay(own, tenant, before, Settings(), end=end, minutes=8).of(KIND)
        severities.append(opened.severity)
    assert severities == [Severity.HIGH, Severity.CRITICAL]


ROWS = st.builds(
    Rows, type=st.sampled_from(list(T)), n=st.integers(0, 3), since=st.floats(1, 59), users=st.integers(1, 3),
    ip=st.sampled_from([HOME, THERE, None]), session_id=st.sampled_from(["s1", None]),
    user_agent=st.sampled_from([BROWSER, STRANGE, None]),
    attributes=st.sampled_from([{}, {"factor": "sms"}, {"admin_action": "admin_invited"}, {"target_user_id": 3}]),
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.lists(ROWS, max_size=6), st.sampled_from(["admin_login_surprise", *sorted(FACTS)]), st.sampled_from(Severity))
def test_whatever_was_seen_the_suspect_is_never_notified_and_alone_is_acted_on(
    rows: list[Rows], detector: str, severity: Severity
) -> None:
    case = seen(*rows, OTHER, detectors=(detector,), severity=severity)
    made = decided(case)
    for step in (*made.steps, *made.denied):
        if step.action_key == "user.notify":
            assert "u0" not in step.targets
        elif step.targets:
            assert step.targets == ("u0",)
