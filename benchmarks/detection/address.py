"""Addresses as numbers, and how they are spelt: a /64 of 2001:db8::/32 each.

Source: RFC 3849 keeps that network for documentation; no real host has such an address.
"""

from zlib import crc32

import numpy as np

from benchmarks.detection.batch import Ints

_BLOCKS = ("home", "carrier", "office", "vpn", "trip", "new", "attacker")
_BITS = 28
"""Of a number inside its block."""
_ATTACKERS_PER_UNIT = 1 << 20


def numbered(block: str, numbers: Ints) -> Ints:
    """The addresses with these numbers (below 2^28) of a block."""
    return ((_BLOCKS.index(block) + 1) << _BITS) | (np.asarray(numbers, dtype=np.int64) % (1 << _BITS))


def home(tenant: int, users: Ints) -> Ints:
    """The line at home of each user; nobody shares one."""
    return numbered("home", (np.int64(tenant) << 16) | users)


def attackers(unit: str, incident: int, n: int) -> Ints:
    """`n` addresses that nobody else ever has."""
    first = crc32(f"{unit}{incident}".encode()) % ((1 << _BITS) - _ATTACKERS_PER_UNIT)
    return numbered("attacker", first + np.arange(n))


def spelt(addresses: Ints) -> list[str]:
    """The text of each address."""
    unique, places = np.unique(addresses, return_inverse=True)
    texts = np.array([f"2001:db8:{v >> 16:x}:{v & 0xFFFF:x}::1" for v in unique.tolist()], dtype=object)
    return list(texts[places])
