"""The countries of a world: where they are, what time it is there, and how many users they have."""

import numpy as np

from benchmarks.detection.batch import Ints

_TABLE = (
    # code, latitude and longitude of the middle (degrees), hours ahead of UTC, weight
    ("AU", -27, 133, 10, 4), ("BR", -10, -55, -3, 6), ("CA", 60, -95, -5, 5), ("CN", 35, 105, 8, 1.5),
    ("DE", 51, 9, 1, 9), ("FR", 46, 2, 1, 6), ("GB", 54, -2, 0, 9), ("IN", 21, 78, 5.5, 10),
    ("JP", 36, 138, 9, 5), ("NG", 10, 8, 1, 1), ("NL", 52, 5, 1, 3), ("PL", 52, 20, 1, 3),
    ("RO", 46, 25, 2, 1), ("RU", 60, 100, 3, 1.5), ("SG", 1, 104, 8, 2), ("TR", 39, 35, 3, 1),
    ("UA", 49, 32, 2, 1), ("US", 38, -97, -6, 30), ("VN", 16, 106, 7, 1), ("ZA", -29, 24, 2, 2),
)  # fmt: skip
CODES = np.array([row[0] for row in _TABLE])
LATITUDE = np.radians([row[1] for row in _TABLE])
LONGITUDE = np.radians([row[2] for row in _TABLE])
HOURS_AHEAD = np.array([row[3] for row in _TABLE], dtype=float)
WEIGHT = np.array([row[4] for row in _TABLE], dtype=float) / sum(row[4] for row in _TABLE)
"""Share of users; sums to 1."""
DOUBTFUL = np.isin(CODES, ["RU", "CN", "NG", "RO", "VN", "TR", "UA"])
"""Attackers come from here four times as often as users do."""
EARTH_RADIUS_KM = 6371.0


def countries(rng: np.random.Generator, n: int) -> Ints:
    """`n` countries (rows of the table), as users are spread over them."""
    return rng.choice(len(CODES), n, p=WEIGHT)


def distance_km(a: Ints, b: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Kilometres between the middles of countries (haversine formula)."""
    north, east = LATITUDE[b] - LATITUDE[a], LONGITUDE[b] - LONGITUDE[a]
    chord = np.sin(north / 2) ** 2 + np.cos(LATITUDE[a]) * np.cos(LATITUDE[b]) * np.sin(east / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord)))
