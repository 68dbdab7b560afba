"""Those who look after flags: compare-and-set, gates, plans, exact reverts, files, findings, over real HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from spine.flag import boolean_flag
from spine.person import Role
from store import flag_write, flags

LOW, HIGH = "checkout.banner", "auth.captcha.required"
ON, OFF = boolean_flag(on=True).stored(), boolean_flag().stored()


def _put(client: httpx.Client, key: str, version: int, definition: Any = ON, **more: Any) -> httpx.Response:
    body = {"definition": definition, "reason": "because", **more}
    return client.put(f"/api/ops/flags/{key}", json=body, headers={"If-Match": f'"{version}"'})


def _propose(client: httpx.Client, key: str, version: int, definition: Any = ON, **more: Any) -> httpx.Response:
    body = {"definition": definition, "reason": "because", **more}
    return client.post(f"/api/ops/flags/{key}/changes", json=body, headers={"If-Match": f'"{version}"'})


def _reads(client: httpx.Client, key: str) -> Any:
    return client.get(f"/api/ops/flags/{key}").json()["reads"]["value"]


def test_a_flag_is_made_shown_changed_and_brought_back_exactly(office) -> None:
    key = office.key()
    weird = {
        "variants": {"a": {"deep": [1, {"x": None}]}, "b": {}}, "defaultVariant": "a",
        "targeting": {"fractional": [["a", 10], ["b", 90]]}, "metadata": {"team": "shop"},
    }  # fmt: skip
    made = _put(key, LOW, 0, weird, owner="shop", purpose="A banner", temporary=True)
    assert (made.status_code, made.json()["version"], made.json()["type"]) == (200, 1, "object")
    assert _put(key, LOW, 1, {"variants": {"a": {}}, "defaultVariant": "a"}).json()["version"] == 2
    back = key.post(
        f"/api/ops/flags/{LOW}/revert", json={"version": 1, "reason": "it broke"}, headers={"If-Match": '"2"'}
    )
    assert (back.status_code, back.json()["version"]) == (200, 3)
    assert back.json()["definition"] == {"state": "ENABLED", **weird}
    assert (back.json()["owner"], back.json()["temporary"]) == ("shop", True)
    history = key.get(f"/api/ops/flags/{LOW}/history").json()
    assert [(one["version"], one["actor"], one["reason"]) for one in history] == [
        (1, "key:ci", "because"), (2, "key:ci", "because"), (3, "key:ci", "it broke"),
    ]  # fmt: skip
    assert history[0]["definition"] == history[2]["definition"]


def test_who_loses_is_told_who_won_and_nothing_is_lost(office) -> None:
    key, ann = office.key(), office.person("ann")[0]
    assert _put(ann, LOW, 0).status_code == 200
    late = _put(key, LOW, 0, OFF)
    assert late.status_code == 412
    assert late.headers["etag"] == '"1"'
    assert "person:ann@example.org" in late.json()["detail"]
    assert "at version 1, not 0" in late.json()["detail"]
    assert _reads(ann, LOW) is True
    assert key.put(f"/api/ops/flags/{LOW}", json={"definition": ON, "reason": "x"}).status_code == 422
    shown = ann.get(f"/api/ops/flags/{LOW}")
    assert ann.get(f"/api/ops/flags/{LOW}", headers={"If-None-Match": shown.headers["etag"]}).status_code == 304
    tagged = ann.put(
        f"/api/ops/flags/{LOW}", json={"definition": OFF, "reason": "x"}, headers={"If-Match": shown.headers["etag"]}
    )
    assert tagged.json()["version"] == 2


def test_a_key_that_is_in_every_browser_sees_values_and_nothing_else(office) -> None:
    _put(office.key(), LOW, 0)
    app = office.key("flags:read")
    assert app.post(f"/ofrep/v1/evaluate/flags/{LOW}", json={}).json()["value"] is True
    for path in ("", f"/{LOW}", f"/{LOW}/history"):
        assert app.get(f"/api/ops/flags{path}").status_code == 403
    for path in ("flag-changes", "flag-findings", "flag-file"):
        assert app.get(f"/api/ops/{path}").status_code == 403
    assert _put(app, LOW, 1, OFF).status_code == 403
    assert office.key("ops:read").get(f"/api/ops/flags/{LOW}").status_code == 200


def test_another_tenant_sees_and_changes_nothing(office) -> None:
    _put(office.key(), LOW, 0)
    change = _propose(office.key(), LOW, 1, OFF).json()["id"]
    other = office.key(tenant="other")
    assert other.get(f"/api/ops/flags/{LOW}").status_code == 404
    assert other.get(f"/api/ops/flag-changes/{change}").status_code == 404
    assert other.post(f"/api/ops/flag-changes/{change}/apply").status_code == 404
    assert other.delete(f"/api/ops/flag-changes/{change}").status_code == 404
    assert _put(other, LOW, 0, OFF).status_code == 200  # its own
    assert _reads(office.key(), LOW) is True


def test_a_high_risk_key_takes_a_second_factor_of_a_commander(office) -> None:
    bob, _ = office.person("bob", Role.INCIDENT_COMMANDER, stepped_up=False)
    asked = _put(bob, HIGH, 0)
    assert asked.status_code == 401
    assert "insufficient_user_authentication" in asked.headers["www-authenticate"]
    assert office.ledger.flag(HIGH).version == 0
    ann, _ = office.person("ann", Role.INCIDENT_COMMANDER)
    assert _put(ann, HIGH, 0).status_code == 200


@pytest.mark.parametrize("by", ["key", "responder"])
def test_who_may_not_decide_alone_proposes_and_applies_once_another_person_approved(office, by: str) -> None:
    proposer = office.key() if by == "key" else office.person("rob")[0]
    direct = _put(proposer, HIGH, 0)
    assert (direct.status_code, direct.json()["type"]) == (403, "urn:opsspine:problem:flag.needs_approval")
    change = _propose(proposer, HIGH, 0).json()
    assert (change["state"], change["gate"]) == ("draft", "approve")
    apply = f"/api/ops/flag-changes/{change['id']}/apply"
    assert proposer.post(apply).status_code == 403
    assert office.ledger.flag(HIGH).version == 0

    ann, code = office.person("ann", Role.INCIDENT_COMMANDER, stepped_up=False)
    [waiting] = [a for a in ann.get("/api/ops/approvals").json()["items"] if a["id"] == change["approval_id"]]
    assert waiting["status"] == "pending"
    decided = ann.post(f"/api/ops/approvals/{waiting['id']}/approve", json={"reason": "yes", "totp": code()})
    assert decided.status_code == 200, decided.text
    done = proposer.post(apply)
    assert (done.status_code, done.json()["state"], done.json()["version"]) == (200, "applied", 1)
    assert proposer.post(apply).status_code == 409
    assert _reads(ann, HIGH) is True
    actions = [row.action for row in office.ledger.rows("select action from audit_entries order by seq")]
    assert [a for a in actions if a.startswith(("approval", "flag"))] == [
        "approval.requested", "approval.decided", "flag.changed",
    ]  # fmt: skip


def test_nobody_approves_their_own_change(office) -> None:
    rob, code = office.person("rob")
    change = _propose(rob, HIGH, 0).json()
    with office.ledger.database.system() as connection:
        connection.exec_driver_sql("insert into person_roles select id, 'acme', 'security_admin' from people")
    answer = rob.post(f"/api/ops/approvals/{change['approval_id']}/approve", json={"reason": "me", "totp": code()})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:opsspine:problem:approval.self")
    assert rob.get(f"/api/ops/flag-changes/{change['id']}").json()["state"] == "draft"


def test_an_approval_is_void_once_the_flag_is_another(office) -> None:
    change = _propose(office.key(), HIGH, 0).json()
    ann, code = office.person("ann", Role.INCIDENT_COMMANDER)
    assert _put(ann, HIGH, 0, OFF).status_code == 200
    answer = ann.post(f"/api/ops/approvals/{change['approval_id']}/approve", json={"reason": "yes", "totp": code()})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:opsspine:problem:approval.void")
    assert "version 1" in answer.json()["detail"]


def test_an_approved_change_does_not_trample_a_later_edit(office) -> None:
    key = office.key()
    change = _propose(key, HIGH, 0).json()
    ann, code = office.person("ann", Role.INCIDENT_COMMANDER)
    ann.post(f"/api/ops/approvals/{change['approval_id']}/approve", json={"reason": "yes", "totp": code()})
    _put(ann, HIGH, 0, OFF)
    late = key.post(f"/api/ops/flag-changes/{change['id']}/apply")
    assert late.status_code == 409
    assert "person:ann@example.org" in late.json()["detail"]
    assert _reads(ann, HIGH) is False


def test_a_change_may_have_a_time_and_an_end_and_becomes_a_version_by_reconcile(office) -> None:
    key, clock = office.key(), office.ledger.clock
    _put(key, LOW, 0, OFF)
    starts = clock.now() + timedelta(hours=1)
    planned = _put(key, LOW, 1, ON, starts_at=starts.isoformat(), ttl_seconds=3600)
    assert planned.status_code == 200
    assert [one["returns"] for one in planned.json()["planned"]] == [False, True]
    assert (planned.json()["version"], planned.json()["reads"]["value"]) == (1, False)
    clock.advance(timedelta(hours=1))
    during = key.get(f"/api/ops/flags/{LOW}").json()
    assert (during["version"], during["reads"]["value"]) == (2, True)
    with office.ledger.database.system() as connection:
        assert flag_write.settle_due(connection, clock.now()) == 1
        assert flag_write.settle_due(connection, clock.now()) == 0
    assert key.get(f"/api/ops/flags/{LOW}").json()["version"] == 2
    clock.advance(timedelta(hours=1))
    after = key.get(f"/api/ops/flags/{LOW}").json()
    assert (after["version"], after["definition"], after["planned"]) == (3, OFF, [])
    with office.ledger.database.system() as connection:
        assert flag_write.settle_due(connection, clock.now()) == 1
        written = flags.history(connection, office.tenant, LOW)
    assert [(one.version, one.definition.default, one.at) for one in written[1:]] == [
        (2, True, starts), (3, False, starts + timedelta(hours=1)),
    ]  # fmt: skip


def test_an_edit_by_hand_overtakes_what_is_planned_and_that_is_told(office) -> None:
    key, clock = office.key(), office.ledger.clock
    _put(key, LOW, 0, OFF, owner="shop", purpose="p")
    _put(key, LOW, 1, ON, starts_at=(clock.now() + timedelta(hours=1)).isoformat())
    third = {"variants": {"on": True, "off": False}, "defaultVariant": "off", "metadata": {"n": 3}}
    assert _put(key, LOW, 1, third).json()["planned"] == []
    clock.advance(timedelta(hours=2))
    assert key.get(f"/api/ops/flags/{LOW}").json()["reads"]["value"] is False
    [told] = key.get("/api/ops/flag-findings").json()
    assert (told["key"], told["kind"]) == (LOW, "overtaken")


def test_a_plan_can_be_taken_back_with_its_end_and_two_plans_cannot_overlap(office) -> None:
    key, clock = office.key(), office.ledger.clock
    _put(key, LOW, 0, OFF)
    hour = timedelta(hours=1)
    _put(key, LOW, 1, ON, starts_at=(clock.now() + hour).isoformat(), ttl_seconds=7200)
    inside = _put(key, LOW, 1, OFF, starts_at=(clock.now() + 2 * hour).isoformat())
    assert (inside.status_code, inside.json()["type"]) == (409, "urn:opsspine:problem:flag.planned")
    [change] = [c for c in key.get("/api/ops/flag-changes?state=planned").json() if not c["returns"]]
    assert key.delete(f"/api/ops/flag-changes/{change['id']}").json()["state"] == "withdrawn"
    assert key.get(f"/api/ops/flags/{LOW}").json()["planned"] == []
    assert key.delete(f"/api/ops/flag-changes/{change['id']}").status_code == 409


def test_a_file_of_flagd_comes_in_whole_or_not_at_all_and_goes_out_again(office) -> None:
    key = office.key()
    document = {
        "$schema": "https://flagd.dev/schema/v0/flags.json",
        "flags": {
            "shop.colour": {
                "state": "ENABLED", "variants": {"red": "#f00", "blue": "#00f"}, "defaultVariant": "red",
                "targeting": {"if": [{"$ref": "insiders"}, "blue"]},
            },
            "shop.limit": {"state": "ENABLED", "variants": {"low": 5, "high": 7.5}, "defaultVariant": "low"},
            HIGH: ON,
        },
        "$evaluators": {"insiders": {"ends_with": [{"var": "email"}, "@example.org"]}},
    }  # fmt: skip
    told = key.post("/api/ops/flag-file", json={"document": document, "reason": "moved", "dry_run": True}).json()
    assert key.get("/api/ops/flags/shop.colour").status_code == 404
    assert key.get("/api/ops/flag-changes").json() == []
    done = key.post("/api/ops/flag-file", json={"document": document, "reason": "moved"}).json()
    outcomes = {one["key"]: one["outcome"] for one in done["flags"]}
    assert outcomes == {"shop.colour": "applied", "shop.limit": "applied", HIGH: "proposed"}
    assert {one["key"]: one["outcome"] for one in told["flags"]} == outcomes
    insider = {"context": {"email": "ann@example.org"}}
    assert key.post("/ofrep/v1/evaluate/flags/shop.colour", json=insider).status_code == 403
    app = office.key("flags:read")
    assert app.post("/ofrep/v1/evaluate/flags/shop.colour", json=insider).json()["value"] == "#00f"
    out = key.get("/api/ops/flag-file").json()
    assert sorted(out["flags"]) == ["shop.colour", "shop.limit"]
    again = key.post("/api/ops/flag-file", json={"document": out, "reason": "again"}).json()
    assert {one["outcome"] for one in again["flags"]} == {"unchanged"}

    document["flags"]["shop.bad"] = {"variants": {"a": 1}, "defaultVariant": "z"}
    document["flags"]["shop.limit"]["defaultVariant"] = "high"
    refused = key.post("/api/ops/flag-file", json={"document": document, "reason": "moved"})
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == ["#/document/flags/shop.bad"]
    assert key.get("/api/ops/flags/shop.limit").json()["version"] == 1


def test_findings_name_what_is_broken_stale_unowned_and_changed_under_a_lease(office) -> None:
    key, ledger = office.key(), office.ledger
    _put(key, "shop.old", 0, OFF, owner="shop", purpose="p", temporary=True)
    _put(key, "shop.nobodys", 0, OFF)
    _put(key, "shop.bad", 0, OFF, owner="shop", purpose="p")
    with ledger.database.system() as connection:
        connection.exec_driver_sql("update flags set definition = '{\"variants\": 7}' where key = 'shop.bad'")
        connection.exec_driver_sql("update flag_epochs set epoch = epoch + 1")
    ledger.apply(ledger.step("captcha.require", mode="all", minutes=None))
    ledger.put(HIGH, on=False, version=0)
    ledger.clock.advance(timedelta(minutes=1))
    found = {(one["key"], one["kind"]) for one in key.get("/api/ops/flag-findings").json()}
    assert {("shop.bad", "broken"), ("shop.nobodys", "unowned"), (HIGH, "drift"), (HIGH, "unowned")} == found
    app = office.key("flags:read")
    values = {f["key"]: f for f in app.post("/ofrep/v1/evaluate/flags", json={"context": {}}).json()["flags"]}
    assert values["shop.bad"]["errorCode"] == "PARSE_ERROR"
    assert values["shop.old"]["value"] is False
    ledger.clock.advance(timedelta(days=30))
    assert ("shop.old", "stale") in {(one["key"], one["kind"]) for one in key.get("/api/ops/flag-findings").json()}


def test_a_list_is_paged_by_key_and_filtered(office) -> None:
    key = office.key()
    for n in range(3):
        _put(key, f"shop.n{n}", 0)
    first = key.get("/api/ops/flags", params={"prefix": "shop.", "limit": 2}).json()
    rest = key.get("/api/ops/flags", params={"prefix": "shop.", "limit": 2, "cursor": first["next"]}).json()
    assert [one["key"] for one in first["items"] + rest["items"]] == ["shop.n0", "shop.n1", "shop.n2"]
    assert rest["next"] is None
    assert key.get("/api/ops/flags", params={"prefix": "auth.", "cursor": first["next"]}).status_code == 422
    office.ledger.apply(office.ledger.step("captcha.require", mode="all"))
    held = key.get("/api/ops/flags", params={"held": True}).json()["items"]
    assert [one["key"] for one in held] == [HIGH]
    assert held[0]["holds"][0]["variant"] == "on"


def test_a_request_sent_twice_is_done_once(office) -> None:
    key = office.key()
    headers = {"If-Match": '"0"', "Idempotency-Key": "one"}
    body = {"definition": ON, "reason": "because"}
    answers = [key.put(f"/api/ops/flags/{LOW}", json=body, headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert office.ledger.flag(LOW).version == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"definition": {"variants": {"a": 1}, "defaultVariant": "b"}, "reason": "r"}, "flag.invalid"),
        ({"definition": ON, "reason": " "}, "input.invalid"),
        ({"definition": ON, "reason": "r", "tenant": "other"}, "input.invalid"),
        ({"definition": ON, "reason": "r", "starts_at": "2020-01-01T00:00:00Z"}, "flag.past"),
        ({"definition": ON, "reason": "r", "ttl_seconds": 0}, "input.invalid"),
        ({"definition": ON, "reason": "r", "ttl_seconds": 60}, "flag.nothing_before"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_stored(office, body: dict[str, Any], code: str) -> None:
    key = office.key()
    answer = key.put(f"/api/ops/flags/{LOW}", json=body, headers={"If-Match": '"0"'})
    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:opsspine:problem:{code}")
    assert key.get(f"/api/ops/flags/{LOW}").status_code == 404
    assert office.ledger.rows("select 1 from flag_changes") == []
