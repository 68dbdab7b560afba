"""Holds on top of a base: OR-ed, the strictest metadata, lapsing by themselves, and gone without a trace."""

import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.flag import Definition, Evaluation, FlagSet, Hold, boolean_flag, compose, parse_definition
from spine.flag.network import networks_of, targets_condition
from spine.ids import mint

NOW = datetime.now(UTC)


def _hold(*targets: str, seconds: float = 3600, age: int = 0, variant: str = "on", **metadata: object) -> Hold:
    return Hold(
        lease_id=mint(), key="f", variant=variant, condition=targets_condition(targets) if targets else None,
        metadata=metadata, created_at=NOW - timedelta(seconds=age), expires_at=NOW + timedelta(seconds=seconds),
    )  # fmt: skip


def _read(definition: Definition, ip: str | None = None, **context: object) -> Evaluation:
    found = FlagSet({"f": definition}).evaluate("f", context | ({"ip": ip} if ip else {}))
    assert isinstance(found, Evaluation)
    return found


def test_without_holds_the_base_is_what_applications_see() -> None:
    base = boolean_flag(metadata={"perMinute": 9})
    assert compose(base, [], NOW) is base


def test_two_holds_reach_the_addresses_of_both_and_no_other() -> None:
    seen = compose(boolean_flag(), [_hold("203.0.113.0/24"), _hold("198.51.100.7/32", "2001:db8::/48")], NOW)
    values = {
        ip: _read(seen, ip).value for ip in ("203.0.113.200", "198.51.100.7", "198.51.100.8", "2001:db8::1", "::1")
    }
    assert values == {
        "203.0.113.200": True,
        "198.51.100.7": True,
        "198.51.100.8": False,
        "2001:db8::1": True,
        "::1": False,
    }


@pytest.mark.parametrize("ip", [None, "", "not an address", "203.0.113.9.evil.example", 17])
def test_an_address_that_is_none_is_in_no_network(ip: object) -> None:
    seen = compose(boolean_flag(), [_hold("203.0.113.0/24")], NOW)
    assert FlagSet({"f": seen}).evaluate("f", {"ip": ip}).value is False


def test_a_client_cannot_claim_its_own_networks() -> None:
    seen = compose(boolean_flag(), [_hold("203.0.113.0/24")], NOW)
    assert _read(seen, **{"$ops": {"networks": ["203.0.113.0/24"]}}).value is False


def test_metadata_takes_the_strictest_of_the_holds() -> None:
    holds = [_hold(perMinute=10, burst=20, mode="risk"), _hold(perMinute=5, burst=30, mode="all"), _hold(perMinute=7)]
    assert compose(boolean_flag(), holds, NOW).metadata == {"perMinute": 5, "burst": 20, "mode": "all"}


def test_a_hold_never_loosens_a_flag_that_people_switched_on() -> None:
    strict = boolean_flag(on=True, metadata={"perMinute": 2, "team": "auth"})
    assert compose(strict, [_hold(perMinute=30)], NOW).metadata == {"perMinute": 2, "team": "auth"}
    mild = boolean_flag(on=False, metadata={"perMinute": 2})
    assert compose(mild, [_hold(perMinute=30)], NOW).metadata == {"perMinute": 30}


def test_of_different_variants_the_newest_decision_wins() -> None:
    base = parse_definition("f", {"variants": {"a": "a", "b": "b", "c": "c"}, "defaultVariant": "a"})
    assert _read(compose(base, [_hold(variant="b", age=9), _hold(variant="c", age=1)], NOW)).value == "c"


def test_outside_the_hold_the_rule_that_people_wrote_still_decides() -> None:
    rule = {"if": [{"==": [{"var": "plan"}, "beta"]}, "on", "off"]}
    base = parse_definition("f", {"variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": rule})
    seen = compose(base, [_hold("203.0.113.0/24")], NOW)
    assert _read(seen, "203.0.113.1", plan="free").value is True
    assert _read(seen, "192.0.2.1", plan="beta").value is True
    assert _read(seen, "192.0.2.1", plan="free").value is False


def test_a_hold_lapses_inside_the_rule_with_no_writer_alive() -> None:
    start = datetime.now(UTC)
    hold = Hold(
        lease_id=mint(), key="f", variant="on", condition=None, created_at=start,
        expires_at=start + timedelta(seconds=2),
    )  # fmt: skip
    loaded = FlagSet({"f": compose(boolean_flag(), [hold], start)})
    assert loaded.evaluate("f", {}).value is True
    time.sleep(max(0.0, hold.expires_at.timestamp() - time.time()))
    assert loaded.evaluate("f", {}).value is False


def test_a_lapsed_hold_takes_its_metadata_with_it() -> None:
    holds = [_hold(seconds=-1, perMinute=1), _hold(perMinute=8)]
    assert compose(boolean_flag(), holds, NOW).metadata == {"perMinute": 8}


def test_a_hold_of_a_variant_that_people_removed_is_not_in_force() -> None:
    base = parse_definition("f", {"variants": {"calm": False}, "defaultVariant": "calm"})
    assert compose(base, [_hold()], NOW) == base


_addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@given(address=_addresses, data=st.data())
def test_network_membership_agrees_with_arithmetic(address: object, data: st.DataObject) -> None:
    parsed = ip_address(str(address))
    if getattr(parsed, "ipv4_mapped", None):
        return
    prefix = data.draw(st.integers(24, 32) if parsed.version == 4 else st.integers(48, 128))
    other = data.draw(st.just(parsed) | st.ip_addresses(v=parsed.version))
    network = ip_network(f"{other}/{prefix}", strict=False)
    loaded = FlagSet({"f": compose(boolean_flag(), [_hold(str(network), "192.0.2.0/31", "2001:db8::/64")], NOW)})
    elsewhere = parsed not in ip_network("192.0.2.0/31") and parsed not in ip_network("2001:db8::/64")
    assert loaded.evaluate("f", {"ip": str(parsed)}).value is (parsed in network or not elsewhere)


@pytest.mark.parametrize("spelling", ["203.0.113.7", "203.0.113.7/32", "2001:DB8:0::/48", "2001:db8:0:0::1"])
def test_a_network_is_the_same_however_it_is_spelt(spelling: str) -> None:
    seen = compose(boolean_flag(), [_hold(spelling)], NOW)
    assert _read(seen, spelling.partition("/")[0]).value is True


def test_an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() -> None:
    assert networks_of("::ffff:203.0.113.7") == networks_of("203.0.113.7")


def test_golden_buckets_of_a_rollout() -> None:
    """Who is in a rollout must not change with a release of the evaluator."""
    rule = {"fractional": [["on", 25], ["off", 75]]}
    base = parse_definition("f", {"variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": rule})
    loaded = FlagSet({"f": base})
    inside = [i for i in range(40) if loaded.evaluate("f", {"targetingKey": f"user-{i}"}).value]
    assert inside == [9, 13, 16, 22, 24, 30, 34]
    assert loaded.evaluate("f", {}).code == "TARGETING_KEY_MISSING"
