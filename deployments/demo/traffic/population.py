"""Everybody in the demo, drawn from one seed: who they are, where they come from, what they know."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

SEED = 20_26
OFFICE_ADDRESS = "192.0.2.10"
ATTACK_NETWORKS = (IPv4Network("203.0.113.0/24"), IPv4Network("198.51.100.0/24"))

_FIRST_HIT = 140
"""Place of the first pair that fits: credential stuffing rarely succeeds, and not at once."""
_HOMES = IPv4Network("198.18.0.0/16")
_FIRST = (
    "ada ben cleo dan eva finn gus hana ivo jana kim leo mia noa ole pia quin rosa sam tess uma vic wim xena yara zoe"
)
_LAST = "adler berg costa diaz evans fuchs garcia hansen ito jansen keller lopez meyer novak okafor price rossi silva"
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may come to the login page."""

    name: str
    password: str
    ip: str
    agent: str


@dataclass(frozen=True, slots=True)
class Population:
    """The city of the demo."""

    customers: tuple[Visitor, ...]
    """Each at home, with an address of their own."""
    office: tuple[Visitor, ...]
    """Colleagues behind one address."""
    attack_addresses: tuple[str, ...]
    leaked: tuple[tuple[str, str], ...]
    """(name, password) pairs of some other site; a few of them open an account here."""

    @property
    def members(self) -> tuple[Visitor, ...]:
        """Everybody who has an account."""
        return self.customers + self.office


def populate(
    seed: int = SEED,
    *,
    customers: int = 120,
    office: int = 30,
    attack_addresses: int = 12,
    leaked: int = 5000,
    hits: int = 2,
) -> Population:
    """The population of `seed`: same seed, same people."""
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose, guards nothing
    names = _names(chance, customers + office)
    homes = chance.sample(range(1, _HOMES.num_addresses - 1), customers)
    at_home = tuple(
        Visitor(name, _password(chance), str(_HOMES[home]), chance.choice(_BROWSERS))
        for name, home in zip(names[:customers], homes, strict=True)
    )
    colleagues = tuple(
        Visitor(name, _password(chance), OFFICE_ADDRESS, chance.choice(_BROWSERS)) for name in names[customers:]
    )
    return Population(
        customers=at_home,
        office=colleagues,
        attack_addresses=_attack_addresses(chance, attack_addresses),
        leaked=_leaked(chance, at_home, leaked, hits),
    )


def write_accounts(visitors: Iterable[Visitor], file: Path) -> None:
    """Write the accounts file the shop reads at its start."""
    file.write_text("".join(json.dumps({"name": v.name, "password": v.password}) + "\n" for v in visitors))


def _names(chance: random.Random, count: int) -> list[str]:
    pairs = [f"{first}.{last}@example.com" for first in _FIRST.split() for last in _LAST.split()]
    return chance.sample(pairs, count)


def _password(chance: random.Random) -> str:
    return f"{chance.getrandbits(64):016x}"


def _attack_addresses(chance: random.Random, count: int) -> tuple[str, ...]:
    share = -(-count // len(ATTACK_NETWORKS))
    drawn = [str(net[host]) for net in ATTACK_NETWORKS for host in chance.sample(range(1, 255), share)]
    chance.shuffle(drawn)
    return tuple(drawn[:count])


def _leaked(
    chance: random.Random, customers: tuple[Visitor, ...], count: int, hits: int
) -> tuple[tuple[str, str], ...]:
    """Mostly people nobody here knows, some customers with other passwords, and `hits` that fit."""
    pairs = [(f"user{chance.randrange(10**6)}@example.net", _password(chance)) for _ in range(count)]
    for place in range(0, count, 9):
        pairs[place] = (chance.choice(customers).name, _password(chance))
    for number, victim in enumerate(chance.sample(customers, hits)):
        pairs[_FIRST_HIT + 20 * number] = (victim.name, victim.password)
    return tuple(pairs)
