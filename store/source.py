"""Files of events as streams of Arrow tables: sshd syslog, NDJSON, CSV, Parquet, and the logs of spine/mappers."""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from spine.errors import Refused
from spine.event import EventLimits, Reason, Rejection, parse_event
from spine.ids import NO_TENANT, TenantId, tenant_id
from spine.mapper import Mapper, map_document
from spine.mappers import mappers
from spine.mappers.sshd import first_year_of, sshd_events
from store.columnar import REFUSED

FORMATS = ("sshd", "ndjson", "csv", "parquet", *mappers())
_ROWS = 50_000
_SCHEMA = pa.schema(
    [("occurred_at", pa.timestamp("us", "UTC")), ("synthetic", pa.bool_())]
    + [
        (name, pa.string())
        for name in ("id", "type", "tenant_id", "user_id", "provider", "ip", "country", "user_agent", "session_id",
                     "resource_tenant_id", "attributes", "drill_id", REFUSED)
    ]
)  # fmt: skip
Table = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, and how to understand it."""

    path: Path
    format: str
    """One of FORMATS."""
    now: datetime
    tenant: TenantId | None = None
    """The tenant of every row; None = what each row says."""
    year: int | None = None
    """sshd: the year of the first line; None = so that the last line is before `now`."""
    timezone: tzinfo | None = None
    """Of times without a zone; None = UTC for sshd, else such rows are refused."""
    limits: EventLimits = field(default_factory=EventLimits)
    skipped: Counter[str] = field(default_factory=Counter, compare=False)
    """Of the records read last that are not about authentication: how many, by the vendor's name of their kind."""

    def tables(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[Table]:
        """The rows in order of the file; `progress` is told the share (0..1) that was read.

        Raises:
            Refused: the file is not of this format at all.
        """
        readers = {"sshd": self._sshd, "ndjson": self._ndjson, "csv": self._csv, "parquet": self._parquet}
        self.skipped.clear()
        try:
            yield from readers.get(self.format, self._mapped)(progress)
        except (pa.ArrowException, UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk, not the file: what Arrow and gzip refuse has no number
            raise Refused(
                "source.format",
                f"{self.path} cannot be read as {self.format}: {error}. Rows before that were taken; "
                f"say --format with one of {', '.join(FORMATS)}, then ingest again (nothing counts twice).",
            ) from error

    def _parquet(self, progress: Callable[[float], None]) -> Iterator[Table]:
        file = pyarrow.parquet.ParquetFile(self.path)
        done, total = 0, max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(_ROWS):
            batch.validate(full=True)  # what is no text, or out of bounds, is found here, not by whoever reads it
            yield pa.Table.from_batches([batch])
            done += batch.num_rows
            progress(done / total)

    def _csv(self, progress: Callable[[float], None]) -> Iterator[Table]:
        bad: list[int] = []

        def skip(row: Any) -> str:
            bad.append(row.actual_columns)
            return "skip"

        with _opened(self.path) as (raw, share):
            stream = io.BufferedReader(_Utf8(raw))
            header = stream.readline().decode("utf-8-sig").rstrip("\r\n")
            if "\0" in header:
                raise pa.ArrowInvalid("it is no UTF-8 text, but perhaps UTF-16: save it as UTF-8")
            names = next(csv.reader([header]), [])
            batches = pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(block_size=4 << 20, column_names=names),
                parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=skip, newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
                ),
            )
            for batch in batches:
                yield pa.Table.from_batches([batch])
                progress(share())
        if bad:
            yield pa.table({REFUSED: pa.array([Reason.MALFORMED.value] * len(bad))})

    def _ndjson(self, progress: Callable[[float], None]) -> Iterator[Table]:
        with _opened(self.path) as (stream, share):
            lines = (line for line in stream if line.strip())
            while chunk := list(islice(lines, _ROWS)):
                yield pa.Table.from_pylist([self._row(line) for line in chunk], schema=_SCHEMA)
                progress(share())

    def _row(self, line: bytes) -> dict[str, Any]:
        try:
            raw = json.loads(line)
            own = tenant_id(raw.get("tenant_id")) if isinstance(raw, dict) and not self.tenant else NO_TENANT
        except (ValueError, RecursionError, TypeError, Refused):
            return {REFUSED: Reason.MALFORMED.value}
        return self._parsed(raw, self.tenant or own)

    def _parsed(self, raw: Any, tenant: TenantId) -> dict[str, Any]:
        event = parse_event(raw, now=self.now, tenant=tenant, limits=self.limits)
        return {REFUSED: event.reason.value} if isinstance(event, Rejection) else _flat(event.model_dump())

    def _mapped(self, progress: Callable[[float], None]) -> Iterator[Table]:
        with _opened(self.path) as (stream, share):
            rows = self._rows_of(stream, mappers()[self.format])
            while chunk := list(islice(rows, _ROWS)):
                yield pa.Table.from_pylist(chunk, schema=_SCHEMA)
                progress(share())

    def _rows_of(self, stream: IO[bytes], mapper: Mapper) -> Iterator[dict[str, Any]]:
        for document in _documents(stream):
            for found in map_document(mapper, document):
                if isinstance(found, str):
                    self.skipped[found] += 1
                elif isinstance(found, Rejection):
                    yield {REFUSED: found.reason.value}
                else:
                    yield self._parsed(found, self.tenant or NO_TENANT)

    def _sshd(self, progress: Callable[[float], None]) -> Iterator[Table]:
        zone = self.timezone or UTC
        year = self.year
        if year is None:
            with _opened(self.path) as (stream, _):
                year = first_year_of(_text(stream), now=self.now, timezone=zone)
        with _opened(self.path) as (stream, share):
            events = sshd_events(_text(stream), tenant=self.tenant or NO_TENANT, first_year=year, timezone=zone)
            while chunk := list(islice(events, _ROWS)):
                yield pa.Table.from_pylist([_flat(event) for event in chunk], schema=_SCHEMA)
                progress(share())


class _Utf8(io.RawIOBase):
    """A stream with U+FFFD where it is no UTF-8: a bad byte costs a character; Arrow would refuse the whole file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._left:
            chunk = self._stream.read(len(into))
            self._left = self._decoder.decode(chunk, final=not chunk).encode()
            if not chunk:
                break
        size = min(len(into), len(self._left))
        into[:size], self._left = self._left[:size], self._left[size:]
        return size


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Callable[[], float]]]:
    """The file's bytes (gunzipped if it is `.gz`), and a function that tells the share read so far."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        yield stream, lambda: min(raw.tell() / size, 1.0)


def _documents(stream: IO[bytes]) -> Iterator[Any]:
    """The JSON documents of a file: one per line, or the whole file as one.

    A whole array or a printed object is held in memory. A line that is no JSON gives None.
    """
    lines = (line for line in stream if line.strip())
    start = next(lines, b"")
    if _json(start) is None and (start.lstrip()[:1] == b"[" or start.strip() == b"{"):
        whole = start + stream.read()
        if (document := _json(whole)) is not None:
            yield document
            return
        lines = (line for line in whole.splitlines()[1:] if line.strip())
    if start:
        yield _json(start)
    for line in lines:
        yield _json(line)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(stream: IO[bytes]) -> Iterator[str]:
    return (line.decode("utf-8", "replace") for line in stream)


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "attributes": json.dumps(event["attributes"])}
