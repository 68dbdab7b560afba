"""Public data: what the readers make of a few lines, what is right on them, and the peers on the real files."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.detection.__main__ import main
from benchmarks.detection.real import ait, hub, sshd
from benchmarks.detection.real.data import Absent, Opened, found, normal_ip

START = pd.Timestamp("2026-01-05T00:00:00Z")


def alert(at: pd.Timestamp, tenant: str, *addresses: str) -> Opened:
    return Opened(at, "FAILED_LOGINS_SPIKE", tenant, frozenset(addresses))


def hub_rows(n: int = 6, scenario: str = "some/ssh-bf", timed: bool = True) -> pd.DataFrame:
    times = [f"2020-02-01T10:00:{s:02}+01:00" if timed else None for s in range(n)]
    return pd.DataFrame(
        {"test": "a", "overflow": 0, "scenario": scenario, "ts": times, "src_ip": "::ffff:192.0.2.7", "user": None}
    )


@pytest.mark.parametrize(
    ("rows", "groups"),
    [(hub_rows(), 1), (hub_rows(4), 0), (hub_rows(scenario="some/impossible-travel"), 0), (hub_rows(timed=False), 1)],
)
def test_hub_groups_of_brute_force_with_five_events_become_tenants(rows: pd.DataFrame, groups: int) -> None:
    other = hub_rows().assign(test="z")
    events, names = hub.read(pd.concat([rows, other]))
    assert len(names) == groups + 1
    assert set(events["type"]) == {"login_failed"}
    assert set(events["ip"]) == {"192.0.2.7"}
    assert events.groupby("tenant_id")["occurred_at"].agg(lambda t: (t.max() - t.min()).seconds).tolist() == [5] * len(
        names
    )


def test_a_hub_group_is_found_when_its_own_address_is_named_at_its_own_tenant() -> None:
    events, groups = hub.read(pd.concat([hub_rows(), hub_rows().assign(test="b")]))
    told = hub.judge(events, groups, [alert(START, "hub000", "192.0.2.7"), alert(START, "hub001", "192.0.2.9")])
    assert (told["groups"], told["found"]) == (2, 1)
    assert list(told["missed"]) == ["b/0 some/ssh-bf"]


def counts(n: int) -> pd.DataFrame:
    second = int(START.timestamp())
    rows = [("bed", second, "mail", "login_succeeded", 2), ("bed", second + 3600, "wiki", "cms_login_attempt", n)]
    return pd.DataFrame(rows, columns=["testbed", "minute_epoch", "host", "type", "n"])


PHASES = {"bed": {"wpscan": [START.timestamp() + 3610, START.timestamp() + 3640], "false_positive_test": [0.0, 9e9]}}


def test_ait_counts_become_events_spread_over_their_minute() -> None:
    events = ait.read(counts(6))
    assert events["type"].tolist() == ["login_succeeded"] * 2 + ["login_failed"] * 6
    assert (events["occurred_at"] - START).dt.total_seconds().tolist()[2:] == [3600 + 10 * n for n in range(6)]
    assert set(events["provider"]) == {"mail", "wiki"}


@pytest.mark.parametrize(("minutes", "false", "hit"), [(61, 0, 1), (180, 0, 0), (200, 1, 0), (10, 1, 0)])
def test_ait_alerts_around_an_attack_are_not_false(minutes: int, false: int, hit: int) -> None:
    told = ait.judge(counts(6), PHASES, [alert(START + pd.Timedelta(minutes=minutes), "bed")])
    assert (told["false"], told["wordpress_attacks"], told["wordpress_found"]) == (false, 1, hit)
    assert told["false_per_tenant_week"] == 7.0 * false


def test_ait_scans_that_tried_no_logins_are_not_asked_for() -> None:
    assert ait.judge(counts(4), PHASES, [])["wordpress_attacks"] == 0


def ssh_log() -> tuple[pd.DataFrame, pd.DataFrame]:
    tries = [("192.0.2.1", n, "fail", "attack") for n in range(5)] + [("192.0.2.2", 9, "fail", "attack")]
    rows = [*tries, ("192.0.2.3", 20, "fail", "benign"), ("192.0.2.3", 21, "success", "benign")]
    labelled = pd.DataFrame(rows, columns=["src_ip", "second", "outcome", "label"])
    at = START + pd.to_timedelta(labelled["second"], unit="s")
    type = labelled["outcome"].map({"fail": "login_failed", "success": "login_succeeded"})
    return labelled, pd.DataFrame({"type": type, "occurred_at": at, "ip": labelled["src_ip"]})


def test_sshd_attackers_lesser_ones_and_legitimate_addresses_are_told_apart() -> None:
    at = START + pd.Timedelta(seconds=30)
    told = sshd.judge(*ssh_log(), [alert(at, "host", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9")])
    assert (told["attackers"], told["found"], told["lesser_attackers_named"]) == (1, 1, 1)
    assert told["legitimate_named"] == ["192.0.2.3"]
    assert told["others_named"] == ["192.0.2.9"]
    assert (told["ttd_p50_s"], told["timed"]) == (30.0, 1)


def test_an_address_that_joins_an_open_incident_has_no_time_of_its_own() -> None:
    told = sshd.judge(*ssh_log(), [alert(START - pd.Timedelta(hours=1), "host", "192.0.2.1")])
    assert (told["found"], told["ttd_p50_s"], told["joined_an_open_incident"]) == (1, None, 1)


def test_an_address_has_one_spelling() -> None:
    assert normal_ip("::ffff:192.0.2.7") == "192.0.2.7"
    assert normal_ip("2001:0DB8::0:1") == "2001:db8::1"


def test_absent_data_are_named_with_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSSPINE_TEST_DATA", str(tmp_path))
    with pytest.raises(Absent, match=r"no sshd_auth\.log in .*; set OPSSPINE_TEST_DATA"):
        found("sshd_auth.log")
    assert main(["real", "hub"]) == 3
    assert "skipped: no crowdsec_hub_overflow_events.csv.gz" in capsys.readouterr().err


def test_fail2ban_on_the_real_host(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSSPINE_TEST_DATA", str(public_data))
    told = sshd.run("fail2ban", ("elastic",))["elastic"]
    assert (told["attackers"], told["found"], told["ttd_p50_s"]) == (100, 100, 11.0)


def test_the_hub_has_205_groups_and_fixed_thresholds_find_none(
    public_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSSPINE_TEST_DATA", str(public_data))
    told = hub.run("fixed")
    assert (told["groups"], told["found"]) == (205, 0)
