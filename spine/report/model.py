"""What a report consists of. Every word about an incident is a `Fact` or a `Row`; the rest comes from enums."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from spine.ids import TenantId
from spine.report.citation import Entry
from spine.report.fact import Fact, Row
from spine.report.plot import Plot
from spine.report.term import Heading, Term


@dataclass(frozen=True, slots=True)
class Passage:
    """Sentences, one after the other or as a list."""

    facts: tuple[Fact, ...]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; each row is cited in a last column of its own."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        """Refuses rows that do not fit the columns."""
        if any(len(row.cells) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row does not have the {len(self.columns)} cells of its table")


@dataclass(frozen=True, slots=True)
class Tile:
    """One number in large type."""

    term: Term
    fact: Fact


@dataclass(frozen=True, slots=True)
class Tiles:
    """Some numbers side by side."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing and the sentence that says what it shows."""

    caption: Fact
    plot: Plot


@dataclass(frozen=True, slots=True)
class Glossary:
    """Words that are explained."""

    terms: tuple[Term, ...]


Block = Passage | Table | Tiles | Figure | Glossary


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part."""

    heading: Heading
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report."""

    kind: Literal["incident", "week"]
    tenant: TenantId
    title: Fact
    tone: str
    """How loud its head is: the label of an incident's severity."""
    head: tuple[Fact, ...]
    """Short facts under the title."""
    sections: tuple[Section, ...]
    made_at: datetime
    broken: tuple[int, ...] = ()
    """Numbers of audit entries whose hash is wrong; what they say is left out."""

    @property
    def facts(self) -> tuple[Fact | Row, ...]:
        """Everything it states, in order."""
        return (self.title, *self.head, *(fact for section in self.sections for fact in _facts(section)))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry it rests on, each once, by number."""
        found = {one.seq: one for fact in self.facts for one in fact.entries}
        return tuple(found[seq] for seq in sorted(found))


def _facts(section: Section) -> Iterator[Fact | Row]:
    for block in section.blocks:
        match block:
            case Passage():
                yield from block.facts
            case Table():
                yield from block.rows
            case Tiles():
                yield from (tile.fact for tile in block.tiles)
            case Figure():
                yield block.caption
            case Glossary():
                pass
