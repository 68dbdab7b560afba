"""A flag that no code reads any more is put away behind the gate of any change, and comes back exactly as it was."""

from datetime import timedelta
from typing import Any

import pytest

from spine.errors import Refused
from spine.flag import Failure, Hold, boolean_flag
from spine.person import Role
from store import flag_holds, flags
from store.flag_cache import FlagCache

KEY = "shop.banner"
NEW = {"definition": boolean_flag(on=True).stored(), "reason": "the sale begins", "purpose": "The banner of a sale"}
GONE = {"reason": "the sale is over"}


def _read(office: Any, key: str = KEY) -> tuple[int, Any]:
    answer = office.key("flags:read").post(f"/ofrep/v1/evaluate/flags/{key}", json={"context": {}})
    return answer.status_code, answer.json().get("value", answer.json().get("errorCode"))


def _at(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}


def test_an_archived_flag_is_not_found_and_any_version_brings_it_back(office: Any) -> None:
    sam, _ = office.person("sam", Role.RESPONDER)
    url = f"/api/ops/flags/{KEY}"
    assert sam.put(url, json=NEW, headers=_at(0)).status_code == 200
    assert _read(office) == (200, True)
    assert sam.post(f"{url}/archive", json=GONE, headers=_at(7)).status_code == 412, "somebody was faster"
    gone = sam.post(f"{url}/archive", json=GONE, headers=_at(1))
    assert (gone.status_code, gone.json()["state"], gone.json()["version"]) == (200, "applied", 2)
    assert _read(office) == (404, "FLAG_NOT_FOUND")
    assert KEY not in [one["key"] for one in sam.get("/api/ops/flags?limit=200").json()["items"]]
    assert [one["key"] for one in sam.get("/api/ops/flags?archived=true").json()["items"]] == [KEY]
    assert KEY not in sam.get("/api/ops/flag-file").json()["flags"]
    assert [one["reason"] for one in sam.get(f"{url}/history").json()] == ["the sale begins", "the sale is over"]
    again = sam.post(f"{url}/archive", json=GONE, headers=_at(2))
    assert (again.status_code, again.json()["type"]) == (409, "urn:opsspine:problem:flag.archived")
    back = sam.post(f"{url}/revert", json={"version": 1, "reason": "another sale"}, headers=_at(2))
    assert back.json()["definition"] == NEW["definition"]
    assert _read(office) == (200, True)


def test_one_of_high_risk_goes_only_after_another_persons_yes(office: Any) -> None:
    cat, _ = office.person("cat", Role.SECURITY_ADMIN)
    ci, key = office.key("flags:write"), "auth.shop.new_login"
    assert cat.put(f"/api/ops/flags/{key}", json=NEW, headers=_at(0)).status_code == 200
    asked = ci.post(f"/api/ops/flags/{key}/archive", json=GONE, headers=_at(1))
    assert (asked.status_code, asked.json()["state"]) == (200, "draft")
    assert asked.json()["approval_id"] is not None
    assert ci.post(f"/api/ops/flag-changes/{asked.json()['id']}/apply").status_code == 403
    assert _read(office, key) == (200, True)


def test_one_of_the_spines_own_stays(office: Any) -> None:
    cat, _ = office.person("cat", Role.SECURITY_ADMIN)
    refused = cat.post("/api/ops/flags/auth.captcha.required/archive", json=GONE, headers=_at(0))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:opsspine:problem:flag.catalogue")


def test_what_a_mitigation_holds_is_not_archived(ledger: Any) -> None:
    ledger.put(KEY, on=True)
    lease, now = ledger.intend(ledger.step("ip.block", "203.0.113.7")), ledger.clock.now()
    hold = Hold(
        lease_id=lease.id, key=KEY, variant="off", condition=None, created_at=now, expires_at=now + timedelta(hours=1)
    )
    with ledger.database.system() as connection:
        flag_holds.hold(connection, ledger.tenant, hold, actor="engine", incident=ledger.incident, at=now)
    gone = {"expected_version": 1, "actor": "test", "reason": "test", "at": now}
    with pytest.raises(Refused, match="held by 1 mitigation"), ledger.database.system() as connection:
        flags.put(connection, ledger.tenant, KEY, boolean_flag().put_away().stored(), **gone)
    with ledger.database.system() as connection:
        flag_holds.release(connection, lease.id, actor="engine", incident=ledger.incident, at=now)
        flags.put(connection, ledger.tenant, KEY, boolean_flag().put_away().stored(), **gone)
    found = FlagCache(ledger.database, ledger.clock).get(ledger.tenant).evaluate(KEY, {})
    assert isinstance(found, Failure)
    assert found.code == "FLAG_NOT_FOUND"
