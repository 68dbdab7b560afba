"""What people see in Slack, photographed: an incident's thread as the fake workspace has it after a real course."""

import html
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from spine.decision.plan_hash import of_decision
from spine.ids import derive
from spine.incident import IncidentStatus
from spine.notification import Topic
from spine.plan import BlastRadius, Decision, Gate, Risk, Step
from spine.severity import Severity
from store import attend, decisions, incident_rows, incidents, outbox

_LARGEST_BYTES = 300_000
_STYLE = """
body{margin:0;background:#fff;color:#1d1c1d;font:12px/1.4 Lato,"Noto Sans","DejaVu Sans",sans-serif}
main{width:660px;padding:12px 16px}
.dot{display:inline-block;width:12px;height:12px;border-radius:50%}
.channel{font-weight:800;border-bottom:1px solid #ddd;padding-bottom:10px;margin-bottom:14px}
.message{display:flex;gap:10px;margin-bottom:16px}.reply{margin-left:46px;border-left:3px solid #ddd;padding-left:12px}
.face{flex:none;width:36px;height:36px;border-radius:6px;background:#1f2937;color:#fff;font-weight:800;
display:flex;align-items:center;justify-content:center}
.who{font-weight:800}.app{background:#e8e8e8;color:#616061;font-size:10px;padding:1px 4px;border-radius:2px}
.at,.context{color:#616061;font-size:12px}h3{font-size:15px;margin:4px 0}
p{margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere}.fields{display:grid;grid-template-columns:1fr 1fr;gap:8px}
.buttons{display:flex;gap:8px;margin:8px 0}
button{font:inherit;font-weight:700;font-size:13px;border:1px solid #bbb;border-radius:4px;background:#fff}
button{padding:4px 12px}
.primary{background:#007a5a;border-color:#007a5a;color:#fff}.danger{background:#e01e5a;border-color:#e01e5a;color:#fff}
"""
_MARKS = {"🔴": "#e01e5a", "🟠": "#f59e0b", "🟡": "#eab308", "🟢": "#2bac76"}


def test_the_thread_of_an_incident_is_photographed(slack_case: Any, chromium: Any, tmp_path: Path) -> None:
    """With OPSSPINE_SHOTS=docs/images the picture of the README is made anew."""
    _play(slack_case)
    file = Path(os.environ.get("OPSSPINE_SHOTS", tmp_path)) / "slack.png"
    page = chromium.new_page(viewport={"width": 692, "height": 700})
    page.set_default_timeout(120_000)
    page.set_content(_page(slack_case.messages()))
    page.locator("main").screenshot(path=file)
    assert page.locator(".message").count() == len(slack_case.messages())
    assert 10_000 < file.stat().st_size < _LARGEST_BYTES


def _play(slack_case: Any) -> None:
    """Detected, acknowledged, asked: the question still waits."""
    case = slack_case.case
    case.settings.app_name = "Corner Shop"
    case.settings.gateway.public_url = "https://opsspine.example.org"
    case.slack(case.person("ann"), "U1")
    summary = {
        "addresses": ["192.0.2.7", "192.0.2.61", "198.51.100.14"], "addresses_total": 14, "users_total": 212,
        "compromised_total": 1, "detectors": {"spray_distributed": {"n": 1240, "window_minutes": 15, "margin": 8.2}},
    }  # fmt: skip
    with case.database.system() as connection:
        incident_rows.update(connection, case.incident.id, title="Password spraying from 14 addresses", summary=summary)
        incidents.append_timeline(
            connection, case.incident, case.clock.now(), "opened", "engine", "Opened by spray_distributed"
        )
        outbox.put(
            connection, case.tenant, Topic.INCIDENT_OPENED, {"incident": str(case.incident.id)},
            severity=Severity.HIGH, incident_id=case.incident.id, dedupe="opened", now=case.clock.now(),
            channels=["slack"],
        )  # fmt: skip
    slack_case.relay()
    case.clock.advance(timedelta(seconds=9))
    plan = _plan(case)
    with case.database.system() as connection:
        decisions.save(connection, plan)
        attend.acknowledge(
            connection, case.tenant, case.incident.id, actor="person:ann@example.org", now=case.clock.now()
        )
        incidents.transition(
            connection, case.incident.id, IncidentStatus.AWAITING_APPROVAL, at=case.clock.now(), actor="engine",
            summary="Waiting for approval (approve)",
        )  # fmt: skip
    case.ask(of=plan)
    for _ in range(3):
        case.clock.advance(timedelta(seconds=3))
        slack_case.relay()


def _plan(case: Any) -> Decision:
    now = case.clock.now()
    blast = BlastRadius(
        window_start=now - timedelta(hours=1), window_end=now, attack_events=1240, attack_stopped=1187,
        legitimate_events=4310, legitimate_hit=2, legitimate_users_hit=2, cap=0.01,
    )  # fmt: skip
    step = Step(
        order=1, action_key="ip.throttle", targets=("192.0.2.0/24", "198.51.100.0/24"), ttl=timedelta(minutes=30),
        risk=Risk.MEDIUM, gate=Gate.APPROVE, blast_radius=blast, stop_if="verification",
    )  # fmt: skip
    key = derive("decision", case.tenant, "photographed")
    draft = case.decision.model_copy(update={"decision_id": key, "steps": (step,), "created_at": now})
    return Decision.model_validate(draft.model_copy(update={"plan_hash": of_decision(draft)}).model_dump())


def _page(messages: list[dict[str, Any]]) -> str:
    shown = "".join(_message(message) for message in messages)
    return f"<!doctype html><style>{_STYLE}</style><main><div class=channel># auth-ops</div>{shown}</main>"


def _message(message: dict[str, Any]) -> str:
    reply = "message reply" if message["thread_ts"] else "message"
    body = "".join(_block(block) for block in message["blocks"])
    head = "<span class=who>opsspine</span> <span class=app>APP</span>"
    return f"<div class='{reply}'><div class=face>o</div><div>{head}{body}</div></div>"


def _block(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{_text(block['text'])}</h3>"
    if kind == "actions":
        buttons = "".join(
            f"<button class='{b.get('style', '')}'>{_text(b['text'])}</button>" for b in block["elements"]
        )
        return f"<div class=buttons>{buttons}</div>"
    if kind == "context":
        return "".join(f"<p class=context>{_text(element)}</p>" for element in block["elements"])
    if "fields" in block:
        return f"<div class=fields>{''.join(f'<p>{_text(one)}</p>' for one in block['fields'])}</div>"
    return f"<p>{_text(block['text'])}</p>"


def _text(text: dict[str, Any]) -> str:
    """As Slack shows it: plain text as it is, of our own markup only the bold lines."""
    said = html.escape(html.unescape(text["text"]))
    for mark, colour in _MARKS.items():  # not every machine has a font for them
        said = said.replace(mark, f"<span class=dot style='background:{colour}'></span>")
    return f"<b>{said.strip('*')}</b>" if text["type"] == "mrkdwn" else said
