"""The attributes of a batch of events, as a column of JSON text."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spine.event_check import OWN_FIELDS, EventLimits, EventRefused, Reason, check_attributes
from spine.event_type import EventType
from spine.vocabulary import Unusual, unusual

_OWN = OWN_FIELDS | {"_refused"}
Table = Any
Column = Any
Numbers = Any


@dataclass(frozen=True, slots=True)
class Attributes:
    """The column, and what is odd in it."""

    column: Column
    _codes: Numbers
    """Per row: the number of its distinct content."""
    _unusual: tuple[tuple[Unusual, ...], ...]
    """Per distinct content."""

    def unusual(self, keep: Numbers) -> Counter[Unusual]:
        """What is odd about the rows of the mask `keep`."""
        found: Counter[Unusual] = Counter()
        if any(self._unusual):
            times = np.bincount(self._codes[keep], minlength=len(self._unusual))
            for several, number in zip(self._unusual, times.tolist(), strict=True):
                if number:
                    found.update(dict.fromkeys(several, number))
        return found


def attribute_column(
    table: Table, types: Column, originals: Column, limits: EventLimits, refused: dict[int, Reason]
) -> Attributes:
    """`attributes` (an object, or JSON text) and every column that is not an event's own, made storable.

    `types` has our types, `originals` the names of those that are not ours. Each distinct content is looked at
    once. Rows that break a rule are added to `refused`.
    """
    names = [name for name in table.column_names if name not in _OWN or name == "attributes"]
    given = {name: _plain(table.column(name)) for name in names}
    given = {name: column for name, column in given.items() if column.null_count < len(column)}
    if not given and originals.null_count == len(originals):
        codes = np.zeros(table.num_rows, dtype=np.int64)
        return Attributes(pa.array(["{}"]).take(pa.array(codes)), codes, ((),))
    codes, first = _distinct([types, originals, *given.values()], table.num_rows)
    contents = pa.table({str(number): column for number, column in enumerate([types, originals, *given.values()])})
    made = [_one(content, list(given), limits) for content in contents.take(pa.array(first)).to_pylist()]
    for number, one in enumerate(made):
        if isinstance(one, EventRefused):
            for row in np.flatnonzero(codes == number):
                refused.setdefault(int(row), one.rejection.reason)
    texts = [None if isinstance(one, EventRefused) else one[0] for one in made]
    odd = tuple(() if isinstance(one, EventRefused) else one[1] for one in made)
    return Attributes(pa.array(texts, pa.string()).take(pa.array(codes)), codes, odd)


def _one(
    content: dict[str, Any], names: list[str], limits: EventLimits
) -> tuple[str, tuple[Unusual, ...]] | EventRefused:
    """The JSON text of one distinct content and what is odd about it, or why it is refused."""
    kind, original, *values = content.values()
    row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    try:
        if isinstance(row.get("attributes"), str):
            row["attributes"] = _decoded(row["attributes"])
        attributes = check_attributes(row, original, limits)
    except EventRefused as refusal:
        return refusal
    return json.dumps(attributes, allow_nan=False), unusual(EventType(kind), attributes) if kind else ()


def _distinct(columns: list[Column], rows: int) -> tuple[Numbers, Numbers]:
    """(per row the number of its content, per content its first row); nested values are not compared."""
    if any(pa.types.is_nested(column.type) for column in columns):
        return np.arange(rows), np.arange(rows)
    codes = np.zeros(rows, dtype=np.int64)
    for column in columns:
        encoded = column.dictionary_encode("encode")
        codes = codes * len(encoded.dictionary) + np.asarray(encoded.indices)
        codes = np.unique(codes, return_inverse=True)[1]
    return codes, np.unique(codes, return_index=True)[1]


def _plain(column: Column) -> Column:
    whole = column.combine_chunks()
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def _decoded(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise EventRefused(Reason.MALFORMED, "attributes are no JSON") from error
