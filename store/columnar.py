"""The rules of `spine.event.parse_event`, for whole columns at once.

Takes an Arrow table with any of the event's columns and gives one with exactly the staging table's. Text is
checked once per different value, by the very functions that check single events; only ids, nearly all
different, and times have a vectorised path of their own.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spine.errors import Refused
from spine.event_check import (
    TEXT_FIELDS,
    EventLimits,
    EventRefused,
    Reason,
    check_id,
    check_ip,
    check_kind,
    check_text,
    check_time,
)
from spine.ids import TenantId
from spine.ids import tenant_id as checked_tenant
from spine.vocabulary import Unusual
from store.attribute_column import attribute_column
from store.stage import COLUMNS

_PLAIN_ID = r"^[\x20-\x7e]+$"
_REMEMBERED = 500_000
"""Different values per column remembered between batches."""
REFUSED = "_refused"
"""A column by which a reader refuses rows it could not make sense of: the reason, or null."""
_TOLD = 600
"""Characters of a refusal that tell of columns."""
Table = Any
Column = Any


@dataclass(slots=True)
class Checked:
    """One batch after the checks."""

    table: Table
    """The good rows, columns as in store.stage.COLUMNS."""
    refused: dict[int, Reason]
    """Row number in the batch -> reason."""
    unusual: Counter[Unusual]
    """What is odd about the good rows, and how often."""


@dataclass(slots=True)
class FrameCheck:
    """Checks batch after batch of one source."""

    tenant: TenantId | None
    """The tenant of every row; None = the column tenant_id says, and a row without one is of tenant `_`."""
    now: datetime
    limits: EventLimits = field(default_factory=EventLimits)
    timezone: tzinfo | None = None
    """Of times that have none; None = such rows are refused."""
    _known: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def check(self, table: Table) -> Checked:
        """Sort the rows of one batch into good and refused; a row is refused for the first reason found.

        Raises:
            Refused: a column is of a type that no value of its name can have (a list as id, bytes that are no text).
        """
        try:
            return self._checked(table)
        except (pa.ArrowException, OverflowError) as error:
            types = ", ".join(f"{field.name} is {field.type}" for field in table.schema)
            raise Refused(
                "source.columns",
                f"The columns are not those of events: {error}. Rows before this batch were taken, none of it was. "
                f"Its columns: {types[:_TOLD]}",
            ) from error

    def _checked(self, table: Table) -> Checked:
        refused = _refused_before(table)
        made: dict[str, Column] = {}
        kinds = self._mapped(table, "type", check_kind, refused, missing=True)
        made["type"] = pa.array([k and k[0].value for k in kinds.uniques], pa.string()).take(kinds.indices)
        originals = pa.array([k and k[1] for k in kinds.uniques], pa.string()).take(kinds.indices)
        made["tenant_id"] = self._mapped(table, "tenant_id", self._tenant, refused, missing=True).column
        made["id"] = self._ids(table, refused)
        made["occurred_at"] = self._times(table, refused)
        made["ip"] = self._mapped(table, "ip", check_ip, refused).column
        attributes = attribute_column(table, made["type"], originals, self.limits, refused)
        made["attributes"] = attributes.column
        made["synthetic"] = _flags(table)
        for name in TEXT_FIELDS:
            made[name] = self._mapped(table, name, _checker(name, self.limits), refused).column
        good = pa.table({name: made[name] for name in COLUMNS})
        keep = np.ones(table.num_rows, dtype=bool)
        if refused:
            keep[list(refused)] = False
            good = good.filter(pa.array(keep))
        return Checked(good, refused, attributes.unusual(keep))

    def _tenant(self, given: str | None) -> str:
        if self.tenant is None:
            try:
                return checked_tenant(given)
            except Refused as error:
                raise EventRefused(Reason.MALFORMED, "tenant_id is no tenant id") from error
        if given and given != self.tenant:
            raise EventRefused(Reason.WRONG_TENANT, "the row names another tenant")
        return self.tenant

    def _mapped(
        self, table: Table, name: str, check: Callable[[Any], Any], refused: dict[int, Reason], *, missing: bool = False
    ) -> "_Mapped":
        """Run `check` once per different value of a column (with `missing` on None, too)."""
        known = self._known.setdefault(name, {})
        if len(known) > _REMEMBERED:
            known.clear()
        encoded = _text(table, name).dictionary_encode("encode" if missing else "mask")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        values = encoded.dictionary.to_pylist()
        for value in values:
            if value not in known:
                try:
                    known[value] = check(value)
                except EventRefused as refusal:
                    known[value] = refusal
        uniques = [known[value] for value in values]
        for number, found in enumerate(uniques):
            if isinstance(found, EventRefused):
                uniques[number] = None
                for row in np.flatnonzero(pc.fill_null(pc.equal(encoded.indices, number), False)):
                    refused.setdefault(int(row), found.rejection.reason)
        return _Mapped(uniques, encoded.indices)

    def _ids(self, table: Table, refused: dict[int, Reason]) -> Column:
        ids = _text(table, "id")
        plain = pc.and_(
            pc.match_substring_regex(ids, _PLAIN_ID), pc.less_equal(pc.utf8_length(ids), self.limits.id_characters)
        )
        for row in np.flatnonzero(~np.asarray(pc.fill_null(plain, False))):
            try:
                check_id(ids[int(row)].as_py(), self.limits)
            except EventRefused as refusal:
                refused.setdefault(int(row), refusal.rejection.reason)
        return ids

    def _times(self, table: Table, refused: dict[int, Reason]) -> Column:
        column = _column(table, "occurred_at")
        if pa.types.is_timestamp(column.type) and (column.type.tz or self.timezone):
            if not column.type.tz:
                zone = str(self.timezone)
                column = pc.assume_timezone(column, zone, ambiguous="earliest", nonexistent="latest")
            return self._timestamps(column, refused)
        return pa.array(
            [self._time(row, value, refused) for row, value in enumerate(column.to_pylist())],
            pa.timestamp("us", "UTC"),
        )

    def _timestamps(self, column: Column, refused: dict[int, Reason]) -> Column:
        utc = pc.fill_null(column.cast(pa.timestamp("us", "UTC"), safe=False), self.now.astimezone(UTC))
        numbers = np.asarray(utc.cast(pa.int64()))
        for limit, worse, reason in (
            (self.now + self.limits.future, np.greater, Reason.FUTURE),
            (self.now - self.limits.max_age, np.less, Reason.TOO_OLD),
        ):
            for row in np.flatnonzero(worse(numbers, round(limit.timestamp() * 1_000_000))):
                refused.setdefault(int(row), reason)
        return utc

    def _time(self, row: int, value: Any, refused: dict[int, Reason]) -> datetime | None:
        try:
            if self.timezone is not None:
                value = _zoned(value, self.timezone)
            return check_time(value, self.now, self.limits)
        except EventRefused as refusal:
            refused.setdefault(row, refusal.rejection.reason)
            return None


@dataclass(slots=True)
class _Mapped:
    uniques: list[Any]
    indices: Column

    @property
    def column(self) -> Column:
        return pa.array(self.uniques, pa.string()).take(self.indices)


def _refused_before(table: Table) -> dict[int, Reason]:
    if REFUSED not in table.column_names:
        return {}
    return {row: Reason(reason) for row, reason in enumerate(table.column(REFUSED).to_pylist()) if reason}


def _checker(name: str, limits: EventLimits) -> Callable[[Any], str | None]:
    return lambda value: check_text(name, value, limits)


def _zoned(value: Any, timezone: tzinfo) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=timezone)
    return value


def _column(table: Table, name: str) -> Column:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    return table.column(name).combine_chunks()


def _text(table: Table, name: str) -> Column:
    column = _column(table, name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _flags(table: Table) -> Column:
    column = _column(table, "synthetic")
    return pc.fill_null(column.cast(pa.bool_()), False)
