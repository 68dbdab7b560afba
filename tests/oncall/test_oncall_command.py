"""`opsspine oncall`, `contacts` and `notify` at a real database."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from deployments.cli import app
from spine.clock import SystemClock
from spine.person import Role
from store import routes
from tasks.addressing import addressed
from tasks.relay import drain


@pytest.fixture
def run(calls: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", calls.database.url)
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", calls.settings.secret_key.get_secret_value())
    calls.clock._now = SystemClock().now()

    def command(*words: str, given: str | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=given)

    return command


def _json(ran: Result) -> Any:
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)["data"]


def test_a_schedule_is_made_shown_and_overridden(run: Any, calls: Any) -> None:
    calls.person("dora", Role.SECURITY_ADMIN, tenant="*")
    made = run(
        "oncall", "schedule", "add", "night", "--person", "dora@example.org", "--start", "2026-01-05", "--zone",
        "Europe/Berlin",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    (night,) = [one for one in _json(run("oncall", "now", "--json")) if one["schedule"] == "night"]
    assert ([who["email"] for who in night["people"]], night["everybodys"]) == (["dora@example.org"], True)
    over = run(
        "oncall", "override", "add", "primary", "--person", "bob@example.org", "--hours", "2", "--tenant", "acme"
    )
    assert over.exit_code == 0, over.output
    (primary,) = [one for one in _json(run("oncall", "now", "--json")) if one["schedule"] == "primary"]
    assert (primary["because"], primary["people"][0]["name"]) == ("override", "Bob")
    assert "bob@example.org" in run("oncall", "override", "list").stdout
    assert "NOBODY" not in run("oncall", "now").stdout


def test_the_usual_policy_calls_and_an_answer_stops_it(run: Any, calls: Any) -> None:
    made = run("oncall", "policies", "standard", "--primary", "primary", "--secondary", "secondary", "--tenant", "acme")
    assert made.exit_code == 0, made.output
    assert [step["delay_minutes"] for step in _json(run("oncall", "policies", "list", "--json"))[0]["steps"]] == [
        0,
        5,
        5,
        5,
    ]
    incident = calls.incident()
    calls.round()
    assert "ann@example.org" in run("oncall", "pages", str(incident.id)[:8]).stdout
    assert "You have it" in run("oncall", "ack", str(incident.id)[:8], "--as", "ann@example.org").stdout
    late = run("oncall", "ack", str(incident.id)[:8], "--as", "bob@example.org")
    assert (late.exit_code, "ann@example.org has it already" in late.stdout) == (1, True)
    calls.person("vera", Role.VIEWER)
    refused = run("oncall", "ack", str(incident.id)[:8], "--as", "vera@example.org")
    assert refused.exit_code != 0
    assert "may not take on incidents" in refused.output


def test_a_contact_is_sealed_opened_for_delivery_alone_and_never_shown(run: Any, calls: Any) -> None:
    added = run("contacts", "add", "ann@example.org", "apprise", "--name", "phone", given="pover://user@hunter2\n")
    assert added.exit_code == 0, added.output
    assert run("contacts", "use", "ann@example.org", "mail", "phone=2").exit_code == 0
    shown = run("contacts", "list", "ann@example.org")
    assert "after 2 min" in shown.stdout
    assert "hunter2" not in added.output + shown.output
    with calls.database.owner() as connection:
        stored = str(connection.execute(text("select * from oncall_contacts")).all())
        stored += str(connection.execute(text("select entry from audit_entries")).all())
    assert "hunter2" not in stored


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("apprise", "json://169.254.169.254/latest"),
        ("apprise", "nonsense"),
        ("email", "a@example.org, b@example.org"),
        ("pagerduty", "short"),
        ("slack", "#channel"),
    ],
)
def test_what_is_no_contact_is_refused(run: Any, channel: str, address: str) -> None:
    ran = run("contacts", "add", "ann@example.org", channel, "--name", "x", given=f"{address}\n")
    assert ran.exit_code != 0
    assert "othing was stored" in ran.output
    assert address not in ran.output.replace("Address, key or URL", "")


def test_a_page_to_a_contact_reaches_its_address(run: Any, calls: Any, database: Any) -> None:
    """From the round that calls to the settings the notifier gets; the target in the outbox bears no address."""
    run("contacts", "add", "ann@example.org", "pagerduty", "--name", "pd", given="R0123456789ABCDEF\n")
    run("contacts", "use", "ann@example.org", "pd")
    calls.usual()
    calls.incident()
    calls.round()
    from store import outbox

    with database.system() as connection:
        row = outbox.claim(connection, "pagerduty", now=calls.clock.now(), lease=timedelta(minutes=1))
        assert row is not None
        there = addressed(connection, calls.settings, row)
    assert "R0123456789ABCDEF" not in row.target
    assert there.pagerduty.routing_key is not None
    assert there.pagerduty.routing_key.get_secret_value() == "R0123456789ABCDEF"


def test_a_contact_that_is_taken_away_fails_its_page_and_the_next_is_called(run: Any, calls: Any) -> None:
    run("contacts", "add", "ann@example.org", "pagerduty", "--name", "pd", given="R0123456789ABCDEF\n")
    run("contacts", "use", "ann@example.org", "pd")
    calls.usual()
    incident = calls.incident()
    calls.round()
    with calls.database.system() as connection:
        connection.execute(text("delete from oncall_contacts"))
    drain(calls.database, calls.settings, calls.clock)
    assert calls.outbox() == [("pagerduty", "contact", "failed")]
    assert calls.round() == 1
    assert calls.called(incident) == ["Ann", "Bob"]


def test_rules_are_shown_explained_set_and_those_that_drop_pages_refused(run: Any, calls: Any, tmp_path: Path) -> None:
    assert _json(run("notify", "routes", "--json")) == [{"from": "default", "name": "default: log", "to": ["log"]}]
    assert "wake nobody" in run("notify", "routes").output
    file = tmp_path / "rules.json"
    file.write_text(json.dumps([{"name": "leaks", "to": ["slack:#legal"], "kinds": ["TENANT_LEAK_RISK"]}]))
    assert run("notify", "set", str(file), "--tenant", "acme").exit_code == 0
    told = _json(
        run("notify", "explain", "incident.opened", "--tenant", "acme", "--kind", "TENANT_LEAK_RISK", "--json")
    )
    assert told["destinations"] == ["slack:#legal", "log"]
    assert [rule["sends"] for rule in told["rules"]] == [True, True]
    other = run("notify", "explain", "incident.opened", "--tenant", "acme", "--kind", "SESSION_ANOMALIES")
    assert "none of TENANT_LEAK_RISK" in other.stdout
    file.write_text(json.dumps([{"name": "hush", "last": True}]))
    refused = run("notify", "set", str(file), "--tenant", "acme")
    assert (refused.exit_code != 0, "would send a critical page nowhere" in refused.output) == (True, True)
    with calls.database.system() as connection:
        assert routes.get(connection, calls.tenant).version == 1


def test_a_trial_says_what_the_other_side_answered(run: Any) -> None:
    assert _json(run("notify", "test", "log", "--json"))["receipt"] == {"logged": True}
    missing = run("notify", "test", "pagerduty")
    assert (missing.exit_code != 0, "OPSSPINE_PAGERDUTY__ROUTING_KEY" in missing.output) == (True, True)
    assert "no channel" in run("notify", "test", "pigeon").output
