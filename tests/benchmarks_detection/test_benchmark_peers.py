"""The peers' rules on logs of a few lines."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest

from benchmarks.detection.peer import crowdsec, fail2ban, fixed
from benchmarks.detection.peer.alert import Alert, lines

START = pd.Timestamp("2026-01-05T12:00:00Z")


def log(times: Iterable[float], type: str = "login_failed", **columns: Any) -> pd.DataFrame:
    at = [START + pd.Timedelta(seconds=second) for second in times]
    row = {"tenant_id": "t0001", "user_id": "ann", "ip": "192.0.2.7", "country": "DE", **columns}
    return pd.DataFrame({"occurred_at": pd.DatetimeIndex(at), "type": type, **row})


def seconds(alerts: list[Alert]) -> list[float]:
    return [(alert.at - START).total_seconds() for alert in alerts]


@pytest.mark.parametrize(
    ("times", "bans"),
    [
        ([0, 1, 2, 3], []),
        ([0, 1, 2, 3, 4], [4]),
        ([0, 150, 300, 450, 599], [599]),
        ([0, 150, 300, 450, 600], []),  # the first is out of the ten minutes
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [4]),  # banned meanwhile
        ([0, 1, 2, 3, 4, 700, 701, 702, 703, 704], [4, 704]),
    ],
)
def test_fail2ban_bans_at_the_fifth_failure_in_ten_minutes(times: list[float], bans: list[float]) -> None:
    assert seconds(fail2ban.alerts(log(times))) == bans


def test_fail2ban_counts_by_address_and_ignores_success() -> None:
    mixed = pd.concat([log([0, 1, 2, 3]), log([4, 5, 6, 7], ip="192.0.2.8"), log([8], "login_succeeded")])
    assert fail2ban.alerts(mixed) == []
    assert fail2ban.alerts(pd.concat([mixed, log([9])]))[0].addresses == ("192.0.2.7",)


def rules(alerts: list[Alert]) -> dict[str, list[float]]:
    return {rule: seconds([a for a in alerts if a.rule == rule]) for rule in {a.rule for a in alerts}}


def test_crowdsec_overflows_at_the_sixth_quick_failure() -> None:
    assert rules(crowdsec.alerts(log([0, 1, 2, 3, 4]))) == {}
    assert rules(crowdsec.alerts(log([0, 1, 2, 3, 4, 5]))) == {"ssh-bf": [5]}


def test_crowdsec_slow_bucket_finds_what_leaks_out_of_the_quick_one() -> None:
    assert rules(crowdsec.alerts(log([20 * n for n in range(20)]))) == {"ssh-slow-bf": [280]}
    assert rules(crowdsec.alerts(log([60 * n for n in range(60)]))) == {}


def test_crowdsec_counts_users_once_in_its_enumeration_bucket() -> None:
    names = [f"user{n}" for n in range(6)]
    assert rules(crowdsec.alerts(log(range(6), user_id=names))) == {"ssh-bf": [5], "ssh-bf_user-enum": [5]}


def test_crowdsec_is_deaf_for_a_minute_after_an_overflow() -> None:
    assert rules(crowdsec.alerts(log(range(12))))["ssh-bf"] == [5]
    assert rules(crowdsec.alerts(log([*range(6), *range(65, 71)])))["ssh-bf"] == [5, 70]


@pytest.mark.parametrize(
    ("gap", "country", "fires"), [(600, "US", True), (600, "DE", False), (600, "NL", False), (4 * 3600, "US", False)]
)
def test_crowdsec_sees_a_thousand_kilometres_between_two_logins(gap: float, country: str, fires: bool) -> None:
    both = log([0, gap], "login_succeeded", country=["DE", country])
    assert [alert.rule for alert in crowdsec.alerts(both)] == ["impossible-travel"] * fires


def test_fixed_thresholds_are_reached_within_their_hour() -> None:
    assert fixed.alerts(log([30 * n for n in range(99)])) == []
    assert seconds(fixed.alerts(log([30 * n for n in range(100)]))) == [30 * 99]
    assert fixed.alerts(log([40 * n for n in range(100)])) == []


def test_a_single_scope_violation_is_enough_for_a_fixed_rule() -> None:
    assert [a.type for a in fixed.alerts(log([0], "tenant_scope_violation"))] == ["TENANT_LEAK_RISK"]


def test_an_administrator_at_night_is_enough_for_a_fixed_rule() -> None:
    found = fixed.alerts(log([0, 11 * 3600, 17 * 3600, 18 * 3600], "admin_login"))
    assert seconds(found) == [11 * 3600, 17 * 3600]
    assert {alert.user for alert in found} == {"ann"}


def test_alerts_belong_together_until_an_hour_of_quiet() -> None:
    alerts = [Alert(START + pd.Timedelta(minutes=m), "X", "t0001", "r", (f"192.0.2.{m}",)) for m in (0, 50, 100, 161)]
    found = lines(alerts)
    assert [line["opened_at"] for line in found] == [START.isoformat(), (START + pd.Timedelta(minutes=161)).isoformat()]
    assert found[0]["evidence"]["addresses"] == ["192.0.2.0", "192.0.2.50", "192.0.2.100"]
    assert "user_id" not in found[0]


def test_alerts_about_different_users_or_tenants_stay_apart() -> None:
    told = [Alert(START, "X", tenant, "r", (), user) for tenant, user in (("a", "ann"), ("a", "bob"), ("b", "ann"))]
    assert [(line["tenant_id"], line["user_id"]) for line in lines(told)] == [("a", "ann"), ("a", "bob"), ("b", "ann")]
