"""Guards of identity actions: what is looked up, what is refused and why, and that the rest of the plan goes on."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from spine.action import GuardView
from spine.case import Diagnosis, Proposal
from spine.case_example import Crowd, case
from spine.decision.examine import examine
from spine.decision.planning import Setting, plan
from spine.decision.rules import Rules
from spine.identity import STAND_IN, LookUp, MailHealth
from spine.identity_guard import login_capacity
from spine.ids import TenantId
from spine.plan import BlastRadius, Gate
from spine.settings import Settings, WebhookSettings
from store.ingest import ingest_raw
from store.partition import ensure_partitions
from tasks.identity.fact import identity_facts, with_identity
from tasks.mitigations import actions

SPECS = {key: mitigation.spec for key, mitigation in actions().items()}
GOOD = replace(STAND_IN, able=frozenset({"root", "ruth", "rosa"}))
CASE = case(Crowd(addresses=5, users=30, tries=3, hostile=True))


def examined(key: str, *targets: str, settings: Settings | None = None, facts=GOOD, **params: object):
    rules = Rules.of(settings or Settings())
    rules = replace(rules, site=replace(rules.site, identity=facts))
    ttl = SPECS[key].ttl.default if SPECS[key].ttl else None
    found = examine(SPECS[key], CASE, rules, params=params, targets=targets, ttl=ttl)
    return {result.name: result for result in found.results}


def refused(results, name: str) -> str:
    assert results[name].passed is not True
    assert [other.name for other in results.values() if other.passed is not True] == [name]
    return results[name].because


@pytest.mark.parametrize(
    ("key", "targets"),
    [
        ("user.lock_temp", ("u1",)), ("session.revoke_user", ("u1",)), ("session.revoke_scope", ()),
        ("password.force_reset", ("u1",)), ("admin.role_revoke", ("root",)), ("user.notify", ("u1",)),
    ],
)  # fmt: skip
def test_with_everything_known_and_good_they_pass(key: str, targets: tuple[str, ...]) -> None:
    assert all(result.passed for result in examined(key, *targets).values())


@pytest.mark.parametrize("key", [key for key, spec in SPECS.items() if spec.look_ups])
def test_with_nothing_looked_up_they_fail_closed(key: str) -> None:
    targets = ("u1",) if SPECS[key].max_targets else ()
    results = examined(key, *targets, facts=None)
    assert not all(result.passed for result in results.values())
    assert any("refused to be safe" in result.because for result in results.values())


@pytest.mark.parametrize(
    ("key", "target", "facts", "guard", "says"),
    [
        ("user.lock_temp", "drill-break-glass", GOOD, "not_break_glass", "emergency account"),
        ("user.lock_temp", "u1", replace(GOOD, break_glass=None), "not_break_glass", "BREAK_GLASS_USERS"),
        ("user.lock_temp", "Only", replace(GOOD, able=frozenset({"only"})), "an_admin_remains", "0 administrators"),
        ("user.lock_temp", "u1", replace(GOOD, able=None, problem="no roles"), "an_admin_remains", "no roles"),
        ("admin.role_revoke", "a", replace(GOOD, able=frozenset("ab")), "two_admins_remain", "1 administrators"),
        ("session.revoke_user", "drill-operator", GOOD, "operator_excluded", "runs the response"),
        ("password.force_reset", "u", replace(GOOD, mail=MailHealth(delivered=80, failed=20, incident=False)),
         "mail_healthy", "80% of 100 mails"),
        ("password.force_reset", "u", replace(GOOD, mail=MailHealth(delivered=9, failed=0, incident=False)),
         "mail_healthy", "only 9 mails"),
        ("password.force_reset", "u", replace(GOOD, mail=MailHealth(delivered=99, failed=0, incident=True)),
         "mail_healthy", "an incident of e-mail is open"),
        ("user.notify", "u", replace(GOOD, webhook=False), "webhook_ready", "OPSSPINE_WEBHOOK__URL"),
        ("session.revoke_user", "u", replace(GOOD, can=frozenset()), "identity_provider", "cannot end sessions"),
    ],
)  # fmt: skip
def test_each_guard_says_why_it_refuses(key: str, target: str, facts, guard: str, says: str) -> None:
    assert says in refused(examined(key, target, facts=facts), guard)


@pytest.mark.parametrize(
    ("facts", "scope", "guard", "says"),
    [
        (replace(GOOD, own=False, honours_not_before=False), "tenant", "scope_reachable", "HONOURS_NOT_BEFORE"),
        (replace(GOOD, can=frozenset()), "all", "scope_reachable", "cannot end everybody's"),
        (replace(GOOD, elsewhere=("shop",), honours_not_before=False), "all", "scope_reachable", "sessions of shop"),
        (replace(GOOD, logins_per_minute=None), "tenant", "login_capacity", "LOGINS_PER_MINUTE"),
        (replace(GOOD, logins_per_minute=0.5), "tenant", "login_capacity", "logins a minute are to be expected"),
    ],
)
def test_ending_everybodys_sessions_needs_reach_and_capacity(facts, scope: str, guard: str, says: str) -> None:
    assert says in refused(examined("session.revoke_scope", facts=facts, scope=scope), guard)


def _capacity(named: int, unnamed: int, attack: int):
    """What the guard says of so many attempts, ten logins a minute being withstood."""
    users = [f"u{n}" for n in range(named)] + [None] * (unnamed + attack)
    marks = [False] * (named + unnamed) + [True] * attack
    rows = pd.DataFrame({"user_id": pd.Series(users, dtype=object), "attack": marks})
    site = replace(Rules.of(Settings()).site, identity=replace(GOOD, logins_per_minute=10))
    radius = BlastRadius(
        window_start=CASE.window_start, window_end=CASE.now, attack_events=0, attack_stopped=0, legitimate_events=0,
        legitimate_hit=0, legitimate_users_hit=0, cap=1.0,
    )  # fmt: skip
    return login_capacity(GuardView(params=None, targets=(), blast_radius=radius, site=site, logins=rows))


def test_how_many_come_back_is_unknown_where_no_event_names_a_user() -> None:
    for result in (_capacity(0, 5000, 0), _capacity(0, 0, 5000), _capacity(0, 0, 0)):
        assert result.passed is None
        assert "name no users" in result.because
    assert _capacity(100, 0, 5000).passed is True
    assert _capacity(99, 2, 0).passed is False


def test_where_the_application_honours_the_flag_that_is_enough() -> None:
    facts = replace(GOOD, own=False, can=frozenset())
    assert examined("session.revoke_scope", facts=facts)["scope_reachable"].passed is True


@pytest.mark.parametrize(("minutes", "passes"), [(20, True), (21, False)])
def test_only_mails_with_a_live_link_are_sent_again(minutes: float, passes: bool) -> None:
    settings = Settings(policy={"link_minutes": {"reset": 20}})
    results = examined("email.retry_queue", settings=settings, newer_than_minutes=minutes)
    assert results["links_alive"].passed is passes
    assert examined("email.retry_queue")["links_alive"].passed is None


def test_without_a_provider_only_these_steps_are_denied_with_what_to_configure(database, ledger) -> None:
    incident = CASE.incident
    proposals = (
        Proposal(action_key="evidence.snapshot"),
        Proposal(action_key="session.revoke_user", targets=("u1",)),
        Proposal(action_key="captcha.require", params={"mode": "all"}),
    )
    settings = Settings(policy={"captcha_provider": "turnstile", "captcha_accessible": True})
    keys = [proposal.action_key for proposal in proposals]
    rules = with_identity(Rules.of(settings), database, settings, incident, keys, now=ledger.clock.now())
    setting = Setting(case=CASE, diagnosis=_diagnosis(), actions=SPECS, rules=rules, flags={}, confidence=1.0)
    kept, denied = plan(proposals, setting)
    assert [step.action_key for step in denied] == ["session.revoke_user"]
    assert "evidence.snapshot" in [step.action_key for step in kept]
    because = next(result.because for result in denied[0].guard_results if result.name == "identity_provider")
    assert "no identity provider is configured" in because
    assert "OPSSPINE_IDENTITY__PROVIDERS" in because


def _diagnosis():
    return Diagnosis(attack_class="x", summary="x", confirmation=1.0, confirmed_by="x")


@pytest.mark.parametrize(("many", "gate"), [(10, "medium"), (11, "high")])
def test_more_than_ten_users_are_a_higher_risk_and_cannot_be_undone(many: int, gate: str) -> None:
    rules = Rules.of(Settings())
    rules = replace(rules, site=replace(rules.site, identity=STAND_IN))
    setting = Setting(case=CASE, diagnosis=_diagnosis(), actions=SPECS, rules=rules, flags={}, confidence=1.0)
    proposal = Proposal(action_key="session.revoke_user", targets=tuple(f"u{n}" for n in range(many)))
    ((step,), _) = plan((proposal,), setting)
    assert (step.risk.value, step.reversible, step.gate) == (gate, False, Gate.APPROVE)
    assert (step.ttl, step.flag_key) == (None, "auth.session.notBefore")


def test_a_drill_asks_nobody(database, start, at) -> None:
    double = start("okta")
    ledger = at(double)
    incident = replace(CASE.incident, synthetic=True, drill_id="d")
    rules = with_identity(
        Rules.of(ledger.settings), database, ledger.settings, incident, ["user.lock_temp"], now=ledger.clock.now()
    )
    assert rules.site.identity == STAND_IN
    assert double.log == []


def test_an_action_without_look_ups_asks_nobody(database, start, at) -> None:
    double = start("okta")
    ledger = at(double)
    rules = Rules.of(ledger.settings)
    keys = ["ip.block", "no.such"]
    assert with_identity(rules, database, ledger.settings, CASE.incident, keys, now=ledger.clock.now()) is rules
    assert double.log == []


def facts(ledger, *wanted: LookUp):
    return identity_facts(ledger.database, ledger.settings, ledger.tenant, wanted, now=ledger.clock.now())


def test_administrators_who_can_log_in_are_looked_up(vendor, at) -> None:
    ledger = at(vendor)
    vendor.lock_by_hand("rosa")
    found = facts(ledger, LookUp.PROVIDER, LookUp.ADMINS)
    assert found.able == {"root", "ruth"}
    assert found.problem == ""
    assert vendor.url in found.provider


def test_administrators_of_many_pages_groups_and_groups_within(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    for n in range(150):
        double.add(f"admin{n}", "admin")
    double.groups = {
        "g": {"roles": {"admin"}, "members": ["id-ada"], "children": ["h"]},
        "h": {"roles": set(), "members": ["id-bob"]},
    }  # fmt: skip
    able = facts(ledger, LookUp.ADMINS).able
    assert {"ada", "bob", "root", "admin149"} <= able


@pytest.mark.parametrize(
    ("mishap", "says"),
    [((403, {}, {}), "does not let our credential"), ((429, None, {"retry-after": "60"}), "asks to")],
)
def test_a_look_up_that_fails_says_so_and_is_no_yes(mishap, says: str, start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.mishap = lambda method, path: mishap
    found = facts(ledger, LookUp.ADMINS)
    assert found.able is None
    assert says in found.problem


def test_without_named_roles_nobody_knows_who_is_administrator(start, at) -> None:
    ledger = at(start("okta"))
    ledger.settings.identity.providers["main"].admin_roles.clear()
    assert "name their roles" in facts(ledger, LookUp.ADMINS).problem


def test_mail_is_judged_by_its_events(ledger) -> None:
    with ledger.database.owner() as connection:
        ensure_partitions(connection, ledger.clock.now(), ledger.settings.retention)
    kinds = ["password_reset_delivered"] * 3 + ["email_verification_undelivered"] + ["password_reset_sent"]
    raw = [
        {"id": f"m{n}", "type": kind, "user_id": "u",
         "occurred_at": (ledger.clock.now() - timedelta(minutes=5)).isoformat()}
        for n, kind in enumerate(kinds)
    ]  # fmt: skip
    ingest_raw(ledger.database, ledger.tenant, raw, now=ledger.clock.now())
    assert facts(ledger, LookUp.MAIL).mail == MailHealth(delivered=3, failed=1, incident=False)
    with ledger.database.owner() as connection:
        connection.exec_driver_sql("update incidents set kind = 'PASSWORD_RESET_FAILURES'")
    assert facts(ledger, LookUp.MAIL).mail.incident is True


def test_webhooks_count_only_where_they_are_sent(ledger) -> None:
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
    ledger.settings = Settings(env="prod", webhook=WebhookSettings(url="http://127.0.0.1:1/", secret=secret))
    assert facts(ledger, LookUp.PROVIDER).webhook is True
    ledger.settings = Settings(env="dev", webhook=ledger.settings.webhook)
    assert facts(ledger, LookUp.PROVIDER).webhook is False
    assert "in dev" in facts(ledger, LookUp.PROVIDER).problem


def test_a_tenant_may_have_a_provider_of_its_own_or_none(start, at) -> None:
    double = start("okta")
    ledger = at(double, tenants={"globex": "main", "initech": ""})
    known = ledger.settings.identity
    assert (known.name_for("acme"), known.name_for("initech")) == ("main", "")
    assert not known.own("globex"), "it is everybody's default"
    assert "configured for initech" in identity_facts(
        ledger.database, ledger.settings, TenantId("initech"), (), now=ledger.clock.now()
    ).problem  # fmt: skip
