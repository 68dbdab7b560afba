"""Network targets in rules: which networks an address belongs to, as strings a rule can compare."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

CONTEXT = "$ops"
"""The part of the evaluation context that is ours; whatever a client sends under it is replaced."""
_WIDEST = {4: 24, 6: 48}


def targets_condition(targets: Sequence[str]) -> dict[str, Any]:
    """The rule that is true for addresses in any of `targets` (CIDR, /24 to /32 or /48 to /128).

    One `in` for every length of prefix that occurs, so it costs little more for fifty networks than for one.
    """
    by_length: dict[str, list[str]] = {}
    for network in sorted({ip_network(t) for t in targets}, key=lambda n: (n.version, n.prefixlen, int(n[0]))):
        by_length.setdefault(_name(network.version, network.prefixlen), []).append(str(network))
    tests = [{"in": [{"var": f"{CONTEXT}.{name}"}, networks]} for name, networks in by_length.items()]
    return tests[0] if len(tests) == 1 else {"or": tests}


def enrich(context: Mapping[str, Any]) -> dict[str, Any]:
    """`context` with the networks of its `ip`; an absent or malformed address belongs to none."""
    address = context.get("ip")
    return {**context, CONTEXT: networks_of(address) if isinstance(address, str) else {}}


@lru_cache(maxsize=8192)
def networks_of(text: str) -> Mapping[str, str]:
    """Every network from /24 (IPv6: /48) to the address itself, by version and length of prefix.

    An IPv4 address mapped into IPv6 is the IPv4 address.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(text.strip())
    except ValueError:
        return {}
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    make = type(address)
    version, bits, value = address.version, address.max_prefixlen, int(address)
    return {
        _name(version, prefix): f"{make(value >> (bits - prefix) << (bits - prefix))}/{prefix}"
        for prefix in range(_WIDEST[version], bits + 1)
    }


def _name(version: int, prefix: int) -> str:
    return f"v{version}_{prefix}"
