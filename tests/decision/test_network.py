"""Gathering addresses into networks, and asking who is inside."""

from ipaddress import ip_address, ip_network

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.network import canonical, contains, gather, holds, overlapping

v4 = st.integers(0, 4000).map(lambda n: str(ip_address((203 << 24) + n)))
v6 = st.integers(0, 4000).map(lambda n: str(ip_address((0x20010DB8 << 96) + (n << 70))))
addresses = st.lists(st.one_of(v4, v6), max_size=60)


@given(addresses, addresses, st.integers(1, 12))
def test_networks_stay_few_narrow_and_off_what_is_spared(found: list[str], spared: list[str], most: int) -> None:
    gathered = gather(found, most=most, avoid=spared)
    assert len(gathered.networks) <= most
    for text in gathered.networks:
        network = ip_network(text)
        assert network.prefixlen >= (24 if network.version == 4 else 48)
    assert not any(holds(gathered.networks, address) for address in spared)


@given(addresses, addresses, st.integers(1, 12))
def test_every_address_is_covered_spared_or_named_as_left_out(found: list[str], spared: list[str], most: int) -> None:
    gathered = gather(found, most=most, avoid=spared)
    for address in found:
        covered = holds(gathered.networks, address)
        assert covered + (address in gathered.left_out) + (address in spared) == 1


@pytest.mark.parametrize(
    ("found", "most", "networks"),
    [
        pytest.param(["203.0.113.9"], 5, ("203.0.113.9/32",), id="one"),
        pytest.param(["203.0.113.8", "203.0.113.9"], 5, ("203.0.113.8/31",), id="neighbours"),
        pytest.param([f"203.0.113.{i}" for i in range(0, 250, 2)], 5, ("203.0.113.0/24",), id="a crowd"),
        pytest.param([f"203.0.{i}.0" for i in range(256)], 300, None, id="never wider than a /24"),
        pytest.param(["::ffff:203.0.113.9"], 5, ("203.0.113.9/32",), id="mapped"),
        pytest.param(["no address", "203.0.113.9"], 5, ("203.0.113.9/32",), id="nonsense is left away"),
        pytest.param([], 5, (), id="nothing"),
    ],
)
def test_gather(found: list[str], most: int, networks: tuple[str, ...] | None) -> None:
    gathered = gather(found, most=most)
    if networks is None:
        assert all(ip_network(n).prefixlen >= 24 for n in gathered.networks)
    else:
        assert gathered.networks == networks


def test_a_crowd_is_not_widened_over_a_neighbour_we_know() -> None:
    gathered = gather([f"203.0.113.{i}" for i in range(1, 200, 2)], most=10, avoid=["203.0.113.2"])
    assert not holds(gathered.networks, "203.0.113.2")
    assert len(gathered.left_out) == 90
    assert gathered.covered == 10


@given(addresses, addresses)
def test_membership_of_a_column_agrees_with_the_library(found: list[str], asked: list[str]) -> None:
    networks = gather(found, most=20).networks
    column = pd.Series([*asked, None, "nonsense"], dtype="object")
    expected = [any(ip_address(a) in ip_network(n) for n in networks) for a in asked]
    assert contains(networks, column).tolist() == [*expected, False, False]


def test_overlap_and_canonical_spelling() -> None:
    assert overlapping(("203.0.113.0/24", "198.51.100.0/24"), ["203.0.113.77"]) == ("203.0.113.0/24",)
    assert overlapping(("203.0.113.0/24",), ["2001:db8::/32"]) == ()
    assert canonical(" 2001:DB8::1 ") == "2001:db8::1"
    assert canonical("203.0.113.999") is None
