"""The week in one report: what opened, how long it took, who waited, what is left; told once, by the tenant's rules."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.errors import Broken
from spine.ids import TenantId
from spine.outcome import Outcome
from spine.report.citation import cited
from spine.report.render import Form, render
from spine.report.term import Heading
from spine.report.week import headline, week_report
from spine.report.weeks import Weeks
from store import audit, outcomes
from store.read.week import tenants, week
from tasks.relay import drain
from tasks.reporting.weekly import tell_weeks


def read(case: Any, tenant: str = "acme") -> Weeks:
    with case.database.tenant(tenant) as connection:
        return week(
            connection, TenantId(tenant), case.settings.report, fresh_days=case.settings.drill.fresh_days,
            now=case.clock.now(),
        )  # fmt: skip


def rows(weeks: Weeks, heading: Heading) -> list[str]:
    section = next(one for one in week_report(weeks).sections if one.heading is heading)
    found: list[str] = []
    for block in section.blocks:
        for fact in getattr(block, "facts", ()):
            found.append(fact.text)
        found += [" | ".join(row.cells) for row in getattr(block, "rows", ())]
    return found


def test_a_week_is_told_with_every_entry_it_rests_on(played: Any) -> None:
    with played.database.system() as connection:
        outcomes.say(
            connection, played.tenant, played.incident.id, Outcome.FALSE_ALARM, "test",
            actor="person:ann@example.org", now=played.clock.now(),
        )  # fmt: skip
        connection.execute(text("update incidents set kind = kind"))
    weeks = read(played)
    made = week_report(weeks)
    with played.database.tenant(played.tenant) as connection:
        chain = {link.seq: link.hash.hex() for link in audit.links(connection, played.tenant)}
    assert all(chain[one.seq] == one.hash for fact in made.facts for one in fact.entries)
    for form in Form:
        marks = cited(re.sub(r"<[^>]+>", "", render(made, form)))
        assert all(chain[seq].startswith(begin) for seq, begin in marks)
        assert form is Form.JSON or len(marks) >= len(made.facts)
    assert json.loads(render(made, Form.JSON))["kind"] == "week"
    assert rows(weeks, Heading.WEEK)[0] == "1 incident opened: 1 medium; 0 the week before."
    assert rows(weeks, Heading.FALSE_ALARMS)[0] == "1 false alarm: 1 of 1 incident were labelled."
    (waited,) = rows(weeks, Heading.WAITING)
    assert waited.endswith("| approve | approved | 40 s")
    assert len(rows(weeks, Heading.DRILLS)) == 8
    trends = rows(weeks, Heading.TRENDS)
    assert trends[0] == "Failed logins spike: 1 incident in 8 weeks."
    assert any(row.startswith("Mean TTA | ") and row.endswith("| 2 min") for row in trends)
    assert "ask the network team" in " ".join(rows(weeks, Heading.FOLLOW_UPS))
    assert headline(weeks).startswith("1 incident opened between ")


def test_older_weeks_stand_in_their_own_columns(case: Any) -> None:
    case.clock.advance(timedelta(weeks=3))
    weeks = read(case)
    assert [len(weeks.opened_in(start)) for start in weeks.starts] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert rows(weeks, Heading.OPENINGS) == ["Nothing opened."]
    case.clock.advance(timedelta(weeks=9))
    assert rows(read(case), Heading.TRENDS) == ["Nothing opened within 8 weeks."]


def test_a_tenant_without_a_trail_has_no_week(case: Any) -> None:
    with pytest.raises(Broken, match="The audit trail of tenant globex is empty"):
        read(case, "globex")


def test_it_is_told_once_a_week_by_the_tenants_rules(case: Any, capsys: pytest.CaptureFixture[str]) -> None:
    case.settings.notify.mode = ["log"]
    now = case.clock.now()
    with case.database.system() as connection:
        assert tenants(connection, now) == [case.tenant]
        connection.execute(text("delete from outbox"))
    (told,) = tell_weeks(case.database, case.settings, now)
    tell_weeks(case.database, case.settings, now + timedelta(minutes=5))
    assert told.report is not None
    with case.database.system() as connection:
        (row,) = connection.execute(text("select topic, channel, payload from outbox")).all()
    assert (row.topic, row.channel) == ("report.week", "log")
    assert "1 incident opened" in row.payload["summary"]
    assert all(cited(line) for one in row.payload["sections"] for line in one["lines"] if not line.startswith("and "))
    assert drain(case.database, case.settings, case.clock) == 1
    with case.database.system() as connection:
        assert connection.execute(text("select status from outbox")).scalar_one() == "sent"
