"""What people do with the console's other forms, and what is written of it."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from deployments.gateway_ports import drill_names
from spine.person import EVERY_TENANT, Role

pytestmark = pytest.mark.timeout(600)


def _rows(night: Any, query: str) -> list[Any]:
    with night.database.system() as connection:
        return list(connection.execute(text(query)))


def _send(client: Any, path: str, **form: str) -> Any:
    return client.post(path, data={"csrf": client.csrf, **form})


def test_taking_noting_reverting_and_ending_an_incident(night: Any, site: str) -> None:
    """The first one has it; the rest is written as commands, and their run is started."""
    night.plan()
    ann, cho, here = night.client(site, night.ann), night.client(site, night.cho), f"/incidents/{night.incident.id}"
    assert _send(ann, f"{here}/acknowledge").headers["location"].endswith("said=acknowledged")
    late = _send(cho, f"{here}/acknowledge")
    assert (late.status_code, "ann@example.org has it already" in late.text) == (409, True)
    assert _send(ann, f"{here}/notes", text="the token is eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijk").is_redirect
    assert _send(ann, f"{here}/notes", text="   ").status_code == 422
    (held,) = _rows(night, "select id from leases where ttl_seconds is not null")
    assert _send(ann, f"/mitigations/{held.id}/revert", reason="a false alarm").is_redirect
    assert _send(ann, f"{here}/resolve", reason="a false alarm").is_redirect
    story = [row.summary for row in _rows(night, "select summary from incident_timeline where kind = 'note'")]
    assert len(story) == 1
    assert "eyJ" not in story[0]
    commands = _rows(night, "select kind, actor, reason from commands order by commanded_at, kind desc")
    assert [tuple(row) for row in commands] == [
        ("revert", "person:ann@example.org", "a false alarm"), ("resolve", "person:ann@example.org", "a false alarm"),
    ]  # fmt: skip
    assert [deployment for deployment, _ in night.started] == ["obey/now", "obey/now"]


def test_mitigating_by_hand_keeps_to_the_actions_bounds(night: Any, site: str) -> None:
    here = f"/incidents/{night.incident.id}/act"
    client = night.client(site, night.ann, stepped_up=True)
    wide = _send(client, here, action="ip.throttle", targets="203.0.0.0/8", reason="the worst of them")
    assert wide.status_code == 422
    assert "wider than /24" in wide.text
    assert 'value="the worst of them"' in wide.text, "what was typed is kept"
    assert _send(client, here, action="ip.throttle", params="no sign", reason="x").status_code == 422
    assert _rows(night, "select from commands") == []
    good = {"action": "ip.throttle", "targets": "203.0.113.7/32", "params": "per_minute = 2", "minutes": "10"}
    assert _send(client, here, **good, reason="the worst of them").is_redirect
    ((actions,),) = _rows(night, "select actions from commands")
    assert actions == [
        {"action": "ip.throttle", "params": {"per_minute": 2}, "targets": ["203.0.113.7/32"], "ttl_seconds": 600.0}
    ]


def test_high_risk_by_hand_wants_a_second_factor_first(night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    form = {"action": "ip.block", "targets": "203.0.113.7/32", "reason": "the worst of them"}
    answer = _send(client, f"/incidents/{night.incident.id}/act", **form)
    assert answer.status_code == 403
    assert "/admin/auth-ops/step-up?next=" in answer.text
    assert _rows(night, "select from commands") == []


def test_a_window_is_announced_and_ended(night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    assert _send(client, "/suppressions", reason="deploy", note="4.2", minutes="241").status_code == 422
    assert _send(client, "/suppressions", reason="deploy", note="4.2", minutes="30", kind="").is_redirect
    ((key,),) = _rows(night, "select id from suppressions")
    assert "4.2" in client.get("/suppressions").text
    assert _send(client, f"/suppressions/{key}/end").is_redirect
    assert _send(client, f"/suppressions/{key}/end").status_code == 409
    assert (
        _send(night.client(site, night.vic), "/suppressions", reason="deploy", note="x", minutes="5").status_code == 403
    )


def test_a_drill_is_started_in_ones_own_tenant(night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    form = {"drill": "FAILED_LOGINS_SPIKE/stuffing", "unattended": "yes", "tenant": "other"}
    assert _send(client, "/drills", **form).is_redirect
    assert night.started == [
        ("failed_logins_spike/drill",
         {"name": "stuffing", "seed": 1, "tenant": "acme", "unattended": True, "who": "person:ann@example.org"})
    ]  # fmt: skip
    assert _send(client, "/drills", drill="FAILED_LOGINS_SPIKE/../x").status_code == 422
    assert _send(client, "/drills", drill="NOTHING/stuffing").status_code == 422
    page = client.get("/drills").text
    for kind, names in drill_names().items():
        assert all(f'value="{kind.value}/{name}"' in page for name in names), "what there is can be chosen"
    assert 'value="FAILED_LOGINS_SPIKE/stuffing"' in page
    night.orchestrated = False
    refused = _send(client, "/drills", **form)
    assert (refused.status_code, "no drill was started" in refused.text) == (503, True)


def test_a_flag_is_changed_behind_its_gate_and_put_back(night: Any, site: str) -> None:
    """High risk wants a second factor of a commander; who saw an older version changes nothing."""
    here, weak = "/flags/auth.captcha.required", night.client(site, night.ann)
    asked = _send(weak, f"{here}/change", version="0", variant="on", reason="bots")
    assert (asked.status_code, "second factor" in asked.text) == (403, True)
    client = night.client(site, night.ann, stepped_up=True)
    assert _send(client, f"{here}/change", version="0", variant="on", reason="bots").is_redirect
    late = _send(client, f"{here}/change", version="0", variant="off", reason="no bots")
    assert (late.status_code, "ann@example.org" in late.text) == (409, True)
    assert _send(client, f"{here}/change", version="1", definition="{", reason="x").status_code == 422
    assert _send(client, f"{here}/change", version="1", variant="nope", reason="x").status_code == 422
    assert _send(client, f"{here}/revert", version="1", to="0", reason="over").is_redirect
    versions = _rows(night, "select definition->>'defaultVariant' as v from flag_history order by version")
    assert [row.v for row in versions] == ["on", "off"]
    viewer = night.client(site, night.vic)
    assert "Change it" not in viewer.get(here).text
    assert _send(viewer, f"{here}/change", version="2", variant="on", reason="x").status_code == 403


def test_the_trail_is_verified_and_a_break_is_named(night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    page = client.get("/audit").text
    assert "Verified: every hash was recomputed" in page
    assert "incident.opened" in client.get("/audit", params={"action": "incident.opened"}).text
    assert "No entry fits" in client.get("/audit", params={"actor": "person:nobody@example.org"}).text
    with night.database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger user"))
        connection.execute(text("update audit_entries set entry = replace(entry, 'ann', 'eve') where seq = 1"))
    assert "entry 1: edited" in client.get("/audit").text
    assert client.get("/audit/99999").status_code == 404
    assert night.client(site, night.vic).get("/audit").status_code == 403


def test_lists_go_on_page_by_page(night: Any, site: str) -> None:
    night.settings.console.page_rows = 2
    client = night.client(site, night.ann)
    for k in range(3):
        assert _send(client, "/suppressions", reason="deploy", note=f"release {k}", minutes="5").is_redirect
    first = client.get("/suppressions").text
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = client.get(older.removeprefix("/admin/auth-ops")).text
    assert ("release 2" in first, "release 0" in first, "release 0" in second) == (True, False, True)
    assert client.get("/suppressions", params={"cursor": "forged"}).status_code == 422


def test_who_serves_every_tenant_begins_where_it_burns_and_is_told_of_others(night: Any, site: str) -> None:
    """A session without a tenant, from before there was one, is no dead end either."""
    ola = night.person("Ola Ek", Role.INCIDENT_COMMANDER, tenant=EVERY_TENANT)
    client = night.client(site, ola)
    assert "<strong>acme</strong>" in client.get("/incidents").text
    with night.database.system() as connection:
        connection.execute(text("update sessions set tenant_id = '_'"))
    page = client.get("/incidents").text
    assert "1 live in acme" in page
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    moved = client.post("/me/tenant", data={"csrf": csrf[1], "tenant": "acme", "then": "overview"})
    assert moved.headers["location"].endswith("/admin/auth-ops")
    assert "live in acme" not in client.get("/incidents").text
