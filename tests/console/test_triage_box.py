"""What a model says on the pages, what people say it was, and that pages are whole without a model."""

from typing import Any

import pytest
from sqlalchemy import text

from spine.score import Reason, Score
from spine.severity import Severity
from store import models, scores

pytestmark = pytest.mark.timeout(600)


def judged(night: Any) -> None:
    now = night.clock.now()
    with night.database.system() as connection:
        made = models.put(connection, b"no model is ever read here", {}, key=b"k", now=now)
        models.promote(connection, made, actor="cli:root", now=now)
        score = Score(
            incident_id=night.incident.id, model_number=made.number, rank=0.8, probability=0.93, cause="stuffing",
            cause_probability=0.71, severity=Severity.CRITICAL, reasons=(Reason("users", "<b>250</b>", 0.18),),
            scored_at=now,
        )  # fmt: skip
        scores.put(connection, [score])


def test_without_a_model_the_page_says_so_and_both_orders_are_there(night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    shown = client.get(f"/incidents/{night.incident.id}").text
    assert "No model has judged it" in shown
    assert str(night.incident.id) in client.get("/incidents?order=suggested").text
    assert "In suggested order" in client.get("/incidents").text


def test_the_probability_its_reasons_and_the_likely_cause_are_shown(night: Any, site: str) -> None:
    judged(night)
    client = night.client(site, night.ann)
    shown = client.get(f"/incidents/{night.incident.id}").text
    for words in ("93.0 % likely real", "Stolen passwords", "may get critical", "&lt;b&gt;250&lt;/b&gt; (+18 %)"):
        assert words in shown
    assert "93.0 % likely real" in client.get("/incidents?order=suggested").text


def test_people_say_what_it_was(night: Any, site: str) -> None:
    client, here = night.client(site, night.ann), f"/incidents/{night.incident.id}"
    form = {"csrf": client.csrf}
    assert client.post(f"{here}/outcome", data={**form, "outcome": "maybe"}).status_code == 422
    done = client.post(f"{here}/outcome", data={**form, "outcome": "benign", "cause": "deploy"})
    assert done.headers["location"].endswith("said=labelled")
    assert "something harmless had happened" in client.get(here).text
    ended = client.post(f"{here}/resolve", data={**form, "reason": "over", "outcome": "real", "cause": "stuffing"})
    assert ended.is_redirect
    with night.database.system() as connection:
        rows = connection.execute(text("select outcome, cause, said_by from incident_outcomes")).all()
    assert [tuple(row) for row in rows] == [("real", "stuffing", "person:ann@example.org")]
