"""Other engines on the question of a tick: how many events of each type each tenant had, and how many are usual.

Each peer holds the raw events (tenant, type, time) in its own format, in order of time, so that it can skip what it
does not need, and answers with the rows of `store.frames.read_series`. A peer that cannot be imported is left out:
they are no dependency of the project.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

HOUR, MINUTE, WEEK = timedelta(hours=1), timedelta(minutes=1), timedelta(days=7)
WEEKS = 4
Row = tuple[str, str, int, int, int, float, float]


@dataclass(frozen=True)
class Question:
    """What is asked at `now`, with the borders that `tick_series.sql` has: whole minutes, none ahead of `now`."""

    now: datetime

    @property
    def hour(self) -> datetime:
        return self.now.replace(minute=0, second=0, microsecond=0)

    @property
    def end(self) -> datetime:
        return self.now.replace(second=0, microsecond=0) + MINUTE

    def since(self, minutes: int) -> datetime:
        """The first whole minute of a window."""
        first = self.now - minutes * MINUTE
        floor = first.replace(second=0, microsecond=0)
        return floor if floor == first else floor + MINUTE

    @property
    def share_60m(self) -> float:
        return (self.now - self.hour) / HOUR

    @property
    def share_15m(self) -> float:
        return min(1.0, self.share_60m * 4)

    def samples(self) -> list[tuple[int, datetime]]:
        """(0 = the hour before, 1 = this hour; where it began in each of the weeks before)."""
        return [(which, self.hour - (1 - which) * HOUR - n * WEEK) for which in (0, 1) for n in range(1, WEEKS + 1)]


def _counts(question: Question, moment_as: str) -> str:
    """The counts of all windows, in the SQL that DuckDB and ClickHouse share. Both skip blocks by literal ranges."""
    windows = ", ".join(
        f"sum(case when occurred_at >= {_at(question.since(m), moment_as)} then 1 else 0 end) as n_{m}m"
        for m in (5, 15)
    )
    return (
        f"select tenant_id, type, {windows}, count(*) as n_60m from events"
        f" where occurred_at >= {_at(question.since(60), moment_as)} and occurred_at < {_at(question.end, moment_as)}"
        " group by tenant_id, type"
    )


def _at(moment: datetime, moment_as: str) -> str:
    return moment_as.format(_naive(moment).isoformat(sep=" "))


def _sql(question: Question, moment_as: str, median_of: str) -> str:
    """The whole question."""

    def at(moment: datetime) -> str:
        return _at(moment, moment_as)

    samples = " union all ".join(
        f"select {which} as which, {at(start)} as start, tenant_id, type, count(*) as n from events"
        f" where occurred_at >= {at(start)} and occurred_at < {at(start + HOUR)} group by tenant_id, type"
        for which, start in question.samples()
    )
    hours = " union all ".join(f"select {which} as which, {at(start)} as start" for which, start in question.samples())
    return f"""
    with series as ({_counts(question, moment_as)}),
    samples as ({samples}),
    hours as ({hours}),
    usual as (
      select s.tenant_id as tenant_id, s.type as type, h.which as which, {median_of}(coalesce(c.n, 0)) as middle
      from series s cross join hours h join tenants t on t.tenant_id = s.tenant_id
      left join samples c
        on c.start = h.start and c.which = h.which and c.tenant_id = s.tenant_id and c.type = s.type
      where h.start >= t.first_hour group by s.tenant_id, s.type, h.which),
    pairs as (
      select tenant_id, type, sum(case when which = 0 then middle else 0 end) as b,
        sum(case when which = 1 then middle else 0 end) as c from usual group by tenant_id, type)
    select s.tenant_id, s.type, n_5m, n_15m, n_60m,
      (b * {1 - question.share_15m!r} + c * {question.share_15m!r}) / 4 as base_15m,
      b * {1 - question.share_60m!r} + c * {question.share_60m!r} as base_60m
    from series s join pairs p on p.tenant_id = s.tenant_id and p.type = s.type"""


class Peer(Protocol):
    """An engine that holds the events."""

    def fill(self, files: Sequence[Path], folder: Path) -> None:
        """Take the events of the Parquet `files`; keep them below `folder`."""

    def ask(self, question: Question) -> list[Row]:
        """One row per tenant and type active in 60 minutes."""

    def count(self, question: Question) -> int:
        """The same without what is usual, which could be made once an hour; how many rows that is."""


class DuckDb:
    """A table in a file, written in order of time: its zone maps skip what lies outside a range."""

    _MOMENT = "timestamp '{}'"

    def fill(self, files: Sequence[Path], folder: Path) -> None:
        import duckdb

        self._connection = duckdb.connect(str(folder / "events.duckdb"))
        self._connection.execute("set preserve_insertion_order = true")
        self._connection.execute(f"create table events as select * from read_parquet({[str(file) for file in files]})")
        self._connection.execute(
            "create table tenants as"
            " select tenant_id, date_trunc('hour', min(occurred_at)) as first_hour from events group by 1"
        )
        self._connection.execute("checkpoint")

    def ask(self, question: Question) -> list[Row]:
        return list(self._connection.execute(_sql(question, self._MOMENT, "median")).fetchall())

    def count(self, question: Question) -> int:
        return len(self._connection.execute(_counts(question, self._MOMENT)).fetchall())


class ChDb:
    """A MergeTree in order of time, tenant and type: its index skips what lies outside a range."""

    _MOMENT = "toDateTime64('{}', 6, 'UTC')"

    def fill(self, files: Sequence[Path], folder: Path) -> None:
        from chdb import session

        self._session = session.Session(str(folder / "chdb"))
        self._session.query("create database if not exists bench engine = Atomic")
        self._session.query("use bench")
        self._session.query(
            "create table events(tenant_id LowCardinality(String), type LowCardinality(String),"
            " occurred_at DateTime64(6, 'UTC')) engine = MergeTree order by (occurred_at, tenant_id, type)"
        )
        for file in files:
            self._session.query(f"insert into events select * from file('{file}', Parquet)")
        self._session.query("optimize table events final")
        self._session.query(
            "create table tenants engine = MergeTree order by tenant_id as"
            " select tenant_id, toDateTime64(toStartOfHour(min(occurred_at)), 6, 'UTC') as first_hour"
            " from events group by tenant_id"
        )

    def ask(self, question: Question) -> list[Row]:
        return self._rows(_sql(question, self._MOMENT, "quantileExactInclusive(0.5)"))

    def count(self, question: Question) -> int:
        return len(self._rows(_counts(question, self._MOMENT)))

    def _rows(self, sql: str) -> list[Row]:
        told = pa.ipc.open_file(self._session.query(sql, "Arrow").bytes()).read_all()
        return list(zip(*(column.to_pylist() for column in told.columns), strict=True))


class Polars:
    """The Parquet files themselves, a day each: their statistics skip what lies outside a range."""

    def fill(self, files: Sequence[Path], folder: Path) -> None:
        import polars as pl

        self._files = [str(file) for file in files]
        self._tenants = (
            pl.scan_parquet(self._files).group_by("tenant_id")
            .agg(pl.col("occurred_at").min().dt.truncate("1h").alias("first_hour")).collect().lazy()
        )  # fmt: skip

    def ask(self, question: Question) -> list[Row]:
        import polars as pl

        keys, between = ["tenant_id", "type"], self._between
        series = self._counts(question)
        hours = pl.LazyFrame(
            [(which, _naive(start)) for which, start in question.samples()], {"which": pl.Int8, "start": pl.Datetime},
            orient="row",
        )  # fmt: skip
        samples = pl.concat(
            between(start, start + HOUR).group_by(keys).agg(pl.len().cast(pl.Int64).alias("n"))
            .with_columns(which=pl.lit(which, pl.Int8), start=pl.lit(_naive(start), pl.Datetime))
            for which, start in question.samples()
        )  # fmt: skip
        usual = (
            series.select(keys).join(hours, how="cross").join(self._tenants, on="tenant_id")
            .filter(pl.col("start") >= pl.col("first_hour"))
            .join(samples, on=["which", "start", *keys], how="left")
            .group_by([*keys, "which"]).agg(pl.col("n").fill_null(0).median().alias("middle"))
            .group_by(keys).agg(
                pl.col("middle").filter(pl.col("which") == 0).sum().alias("b"),
                pl.col("middle").filter(pl.col("which") == 1).sum().alias("c"),
            )
        )  # fmt: skip
        b, c, quarter, whole = pl.col("b"), pl.col("c"), question.share_15m, question.share_60m
        return list(
            series.join(usual, on=keys).select(
                *keys, "n_5m", "n_15m", "n_60m",
                ((b * (1 - quarter) + c * quarter) / 4).alias("base_15m"),
                (b * (1 - whole) + c * whole).alias("base_60m"),
            ).collect().rows()
        )  # fmt: skip

    def count(self, question: Question) -> int:
        return len(self._counts(question).collect().rows())

    def _counts(self, question: Question) -> Any:
        import polars as pl

        windows = (
            (pl.col("occurred_at") >= _naive(question.since(m))).sum().cast(pl.Int64).alias(f"n_{m}m") for m in (5, 15)
        )
        events = self._between(question.since(60), question.end)
        return events.group_by("tenant_id", "type").agg(*windows, pl.len().cast(pl.Int64).alias("n_60m"))

    def _between(self, first: datetime, end: datetime) -> Any:
        import polars as pl

        inside = pl.col("occurred_at").is_between(_naive(first), _naive(end), closed="left")
        return pl.scan_parquet(self._files).filter(inside)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


PEERS: dict[str, type[Peer]] = {"duckdb": DuckDb, "chdb": ChDb, "polars": Polars}


def found() -> dict[str, tuple[str, type[Peer]]]:
    """Name, version and class of every peer that can be imported; says which cannot."""
    there = {}
    for name, kind in PEERS.items():
        try:
            there[name] = (str(importlib.import_module(name).__version__), kind)
        except ImportError:
            print(f"{name} is not installed: it is left out (benchmarks/README.md says how to add it)")
    return there
