"""Distinct counts that can be merged: HyperLogLog sketches, as bytes in the database.

Source: Apache DataSketches; 2^14 registers: exact up to some hundred, then 0.8 % standard error.
"""

from collections.abc import Iterable

from datasketches import hll_sketch, hll_union, tgt_hll_type

_LG_REGISTERS = 14


def sketch(values: Iterable[str]) -> bytes:
    """The sketch of some values."""
    made = hll_sketch(_LG_REGISTERS, tgt_hll_type.HLL_4)
    for value in values:
        made.update(value)
    return bytes(made.serialize_compact())


class Union:
    """Merges sketches and single values."""

    def __init__(self, *parts: bytes) -> None:
        self._union = hll_union(_LG_REGISTERS)
        for part in parts:
            self.add(part)

    def add(self, part: bytes) -> None:
        """Merge one sketch."""
        self._union.update(hll_sketch.deserialize(part))

    def add_values(self, values: Iterable[str]) -> None:
        """Merge single values."""
        for value in values:
            self._union.update(value)

    @property
    def count(self) -> int:
        """How many distinct values, about."""
        estimate: float = self._union.get_estimate()
        return round(estimate)

    def serialize(self) -> bytes:
        """The merged sketch."""
        return bytes(self._union.get_result(tgt_hll_type.HLL_4).serialize_compact())
