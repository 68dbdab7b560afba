"""The attributes of a batch of events, as a column of JSON text."""

import json
from typing import Any

import pyarrow as pa

from spine.event_check import OWN_FIELDS, EventLimits, EventRefused, Reason, check_attributes

_OWN = OWN_FIELDS | {"_refused"}
Table = Any
Column = Any


def attribute_column(table: Table, originals: Column, limits: EventLimits, refused: dict[int, Reason]) -> Column:
    """`attributes` (an object, or JSON text) and every column that is not an event's own, made storable.

    `originals` has the names of types that are not ours. Rows that break a rule are added to `refused`.
    """
    extra = [name for name in table.column_names if name not in _OWN]
    named = table.select([*extra, *({"attributes"} & set(table.column_names))])
    plain = all(column.null_count == len(column) for column in named.columns)
    if plain and originals.null_count == len(originals):
        return pa.array(["{}"]).take(pa.array([0] * table.num_rows, pa.int8()))
    remembered: dict[Any, str | EventRefused] = {}
    column: list[str | None] = []
    rows = zip(named.to_pylist(), originals.to_pylist(), strict=True)
    for number, (row, original) in enumerate(rows):
        made = _one(row, original, limits, remembered)
        if isinstance(made, EventRefused):
            refused.setdefault(number, made.rejection.reason)
        column.append(None if isinstance(made, EventRefused) else made)
    return pa.array(column, pa.string())


def _one(
    row: dict[str, Any], original: str | None, limits: EventLimits, remembered: dict[Any, str | EventRefused]
) -> str | EventRefused:
    """The JSON text of one row; the same attributes are checked once."""
    row = {name: value for name, value in row.items() if value is not None}
    if not row and original is None:
        return "{}"
    key = (original, repr(row))
    if key not in remembered:
        try:
            if isinstance(row.get("attributes"), str):
                row["attributes"] = _decoded(row["attributes"])
            remembered[key] = json.dumps(check_attributes(row, original, limits), allow_nan=False)
        except EventRefused as refusal:
            remembered[key] = refusal
    return remembered[key]


def _decoded(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise EventRefused(Reason.MALFORMED, "attributes are no JSON") from error
