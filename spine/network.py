"""Addresses and networks: gather addresses into few CIDRs, and ask for many addresses at once who is inside."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

import pandas as pd

IPNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Gathered:
    """Networks that cover addresses, and the addresses that found no place."""

    networks: tuple[str, ...]
    covered: int
    """How many of the addresses are inside."""
    left_out: tuple[str, ...]


def canonical(address: str) -> str | None:
    """`address` as it is compared everywhere (IPv4-mapped IPv6 becomes IPv4), or None when it is none."""
    try:
        parsed = ip_address(address.strip())
    except (ValueError, AttributeError):
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def gather(
    addresses: Iterable[str],
    *,
    most: int,
    widest_v4: int = 24,
    widest_v6: int = 48,
    avoid: Collection[str] = (),
) -> Gathered:
    """At most `most` networks for `addresses`, worst first when given so; no address of `avoid` inside.

    Exact addresses are kept while they fit. Above `most`, crowded networks are widened to `widest_*`,
    most crowded first, never over an address to avoid. Deterministic: the order of the input decides ties.
    """
    wanted = list(dict.fromkeys(a for a in map(canonical, addresses) if a is not None))
    spared = {a for a in map(canonical, avoid) if a is not None}
    wanted = [a for a in wanted if a not in spared]
    exact = _collapse([ip_network(a) for a in wanted], widest_v4, widest_v6)
    if len(exact) <= most:
        return Gathered(_texts(exact), len(wanted), ())
    wide = {a: _widen(a, widest_v4, widest_v6) for a in wanted}
    forbidden = {_widen(a, widest_v4, widest_v6) for a in spared}
    crowd = Counter(n for n in wide.values() if n not in forbidden)
    chosen: list[IPNetwork] = [n for n, size in crowd.most_common(most) if size > 1]
    covered = set(chosen)
    for address in wanted:
        if len(chosen) == most:
            break
        if wide[address] not in covered:
            chosen.append(ip_network(address))
    inside = set(chosen)
    left_out = tuple(a for a in wanted if wide[a] not in inside and ip_network(a) not in inside)
    covered_by = _texts(_collapse(chosen, widest_v4, widest_v6))
    return Gathered(covered_by, len(wanted) - len(left_out), left_out)


def contains(networks: Iterable[str], addresses: "pd.Series[str]") -> "pd.Series[bool]":
    """For each address, whether any of `networks` holds it; what is no address is in none.

    Looks each distinct address up once, by prefix length, so a million rows cost as much as their
    distinct addresses.
    """
    by_length = _by_length(networks)
    distinct = addresses.dropna().unique()
    inside = {a for a in distinct if _inside(str(a), by_length)}
    return addresses.isin(inside).astype(bool)


def holds(networks: Iterable[str], address: str) -> bool:
    """True when any of `networks` holds `address`."""
    return _inside(address, _by_length(networks))


def overlapping(networks: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The members of `networks` that share an address with any of `others`."""
    seconds = [ip_network(o, strict=False) for o in others]
    return tuple(n for n in networks if any(_overlap(ip_network(n, strict=False), o) for o in seconds))


def _overlap(one: IPNetwork, other: IPNetwork) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    if isinstance(one, IPv6Network) and isinstance(other, IPv6Network):
        return one.overlaps(other)
    return False


def _by_length(networks: Iterable[str]) -> dict[tuple[int, int], set[int]]:
    table: dict[tuple[int, int], set[int]] = {}
    for text in networks:
        network = ip_network(text, strict=False)
        shift = network.max_prefixlen - network.prefixlen
        table.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)
    return table


def _inside(address: str, table: dict[tuple[int, int], set[int]]) -> bool:
    text = canonical(address)
    if text is None:
        return False
    parsed = ip_address(text)
    number = int(parsed)
    return any(version == parsed.version and number >> shift in heads for (version, shift), heads in table.items())


def _widen(address: str, widest_v4: int, widest_v6: int) -> IPNetwork:
    length = widest_v4 if ip_address(address).version == 4 else widest_v6
    return ip_network(f"{address}/{length}", strict=False)


def _collapse(networks: Iterable[IPNetwork], widest_v4: int, widest_v6: int) -> list[IPNetwork]:
    """Merge neighbours, but never beyond the widest allowed prefix."""
    groups: dict[IPNetwork, list[IPNetwork]] = {}
    for network in networks:
        length = widest_v4 if network.version == 4 else widest_v6
        groups.setdefault(network.supernet(new_prefix=min(length, network.prefixlen)), []).append(network)
    return [m for group in groups.values() for m in _merged(group)]


def _merged(group: list[IPNetwork]) -> list[IPNetwork]:
    fours = [n for n in group if isinstance(n, IPv4Network)]
    sixes = [n for n in group if isinstance(n, IPv6Network)]
    return [*collapse_addresses(fours), *collapse_addresses(sixes)]


def _texts(networks: Iterable[IPNetwork]) -> tuple[str, ...]:
    return tuple(str(n) for n in networks)
