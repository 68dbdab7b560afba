"""Network targets in rules: which networks an address belongs to, as strings a rule can compare."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

CONTEXT = "$ops"
"""The part of the evaluation context that is ours; whatever a client sends under it is replaced."""
_WIDEST = {4: 24, 6: 48}


def target(text: str) -> str:
    """`text` as the one spelling of its network: `203.0.113.7` is `203.0.113.7/32`.

    Raises:
        ValueError: it is no network, or has bits set beyond its prefix.
    """
    return str(ip_network(text))


def targets_condition(targets: Sequence[str]) -> dict[str, Any]:
    """The rule that is true for addresses in any of `targets` (CIDR, /24 to /32 or /48 to /128)."""
    networks = {"var": f"{CONTEXT}.networks"}
    tests = [{"in": [target(t), networks]} for t in sorted(set(targets))]
    return tests[0] if len(tests) == 1 else {"or": tests}


def enrich(context: Mapping[str, Any]) -> dict[str, Any]:
    """`context` with the networks of its `ip`; an absent or malformed address belongs to none."""
    address = context.get("ip")
    networks = networks_of(address) if isinstance(address, str) else ()
    return {**context, CONTEXT: {"networks": list(networks)}}


@lru_cache(maxsize=8192)
def networks_of(text: str) -> tuple[str, ...]:
    """Every network from /24 (IPv6: /48) to the address itself; an IPv4 address mapped into IPv6 is IPv4."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.strip())
    except ValueError:
        return ()
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    make = type(address)
    bits, value = address.max_prefixlen, int(address)
    return tuple(
        f"{make(value >> (bits - prefix) << (bits - prefix))}/{prefix}"
        for prefix in range(_WIDEST[address.version], bits + 1)
    )
