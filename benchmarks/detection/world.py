"""A world: tenants that live through weeks of ordinary logins, benign trouble and incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from benchmarks.detection import traffic
from benchmarks.detection.batch import Batch, Clients, Floats, Ints, joined
from benchmarks.detection.population import Tenant, tenants
from benchmarks.detection.preset import Preset
from benchmarks.detection.rhythm import SLOTS_PER_DAY, rates
from benchmarks.detection.schedule import Schedule
from benchmarks.detection.truth import Episode, Incident, count_events
from benchmarks.detection.unit import incidents, lookalikes


@dataclass(frozen=True, slots=True)
class Fault:
    """Something broken that makes ordinary requests fail."""

    family: str
    """Of which requests: "mail", "oauth" or "token"."""
    start: float
    end: float
    strength: float
    """Share of requests that fail beside the usual; for tokens, the factor on the usual errors."""
    incident: int
    tenants: frozenset[int]
    provider: int | None = None
    """oauth: only callbacks of this one."""
    second_incident: int | None = None
    """mail: the incident of the verifications; `incident` is that of the resets."""


@dataclass(slots=True)
class World:
    """Everything that units read and change while a world is made."""

    preset: Preset
    seed: int
    people: list[Tenant] = field(init=False)
    logins: Floats = field(init=False)
    """Expected logins, tenant by slot of five minutes."""
    signups: Floats = field(init=False)
    resets: Floats = field(init=False)
    tokens: Floats = field(init=False)
    """Factors on the usual signups, resets and errors in tokens, tenant by slot."""
    schedule: Schedule = field(init=False)
    faults: list[Fault] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)

    def __post_init__(self) -> None:
        preset = self.preset
        self.people = tenants(preset, self.random("population"))
        pace = preset.logins_per_user_day
        self.logins = np.stack([rates(t, preset.days, pace, self.random("rhythm", t.number)) for t in self.people])
        self.signups, self.resets, self.tokens = (np.ones(self.logins.shape) for _ in range(3))
        ahead = np.array([tenant.hours_ahead for tenant in self.people])
        self.schedule = Schedule(preset.history_days * 86400, self.seconds, ahead)

    @property
    def seconds(self) -> int:
        """How long the world lasts."""
        return self.preset.days * 86400

    @property
    def slots(self) -> int:
        """How many times five minutes that is."""
        return self.preset.days * SLOTS_PER_DAY

    def random(self, name: str, number: int = 0) -> np.random.Generator:
        """The random stream of a part of the world; no part disturbs another one's."""
        return np.random.default_rng([self.seed, crc32(name.encode()), number])

    def weights(self, exponent: float) -> Floats:
        """Chances of the tenants to be chosen, by their size to the power of `exponent`."""
        size = np.array([tenant.size for tenant in self.people], dtype=float) ** exponent
        return np.asarray(size / size.sum())

    def clients(self, tenant: Tenant, users: Ints, at: Ints, rng: np.random.Generator) -> Clients:
        """From where `users` come at times `at` (seconds): from home, unless a look-alike moves them.

        One number is drawn from `rng`, however many look-alikes there are.
        """
        found = tenant.at_home(users)
        call = int(rng.integers(1 << 32))
        for unit in lookalikes():
            if unit.move:
                unit.move(self, tenant, users, at, found, self.random(unit.name, call))
        return found

    def open(
        self,
        type: str,
        subtype: str,
        tenant: int,
        start: float,
        end: float,
        *,
        affected: Sequence[int] = (),
        user: int | None = None,
    ) -> Incident:
        """Note an incident in the truth."""
        number = len(self.incidents)
        incident = Incident(number, type, subtype, tenant, float(start), float(end), list(affected), user)
        self.incidents.append(incident)
        return incident

    def note(self, name: str, tenant: int, start: float, end: float) -> None:
        """Note a benign episode."""
        self.episodes.append(Episode(name, tenant, float(start), float(end)))

    def faults_of(self, family: str, tenant: int) -> list[Fault]:
        """What is broken for a tenant."""
        return [f for f in self.faults if f.family == family and tenant in f.tenants]

    def everybody(self) -> frozenset[int]:
        """The numbers of all tenants."""
        return frozenset(range(len(self.people)))


def make(preset: Preset, seed: int) -> tuple[World, Batch]:
    """A world and its events in order of time. The same preset and seed give the same world."""
    world = World(preset, seed)
    for unit in (*lookalikes(), *incidents()):
        if unit.shape:
            unit.shape(world)
    batches = [batch for tenant in world.people for batch in traffic.of_tenant(world, tenant)]
    for unit in (*lookalikes(), *incidents()):
        if unit.emit:
            batches.extend(unit.emit(world))
    found = joined(batches, world.seconds)
    count_events(world.incidents, found)
    return world, found
