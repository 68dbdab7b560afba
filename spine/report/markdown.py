"""A report as Markdown, for Prefect, for a ticket, for a repository."""

from collections.abc import Iterator, Sequence

from spine.report.citation import Entry
from spine.report.fact import Fact
from spine.report.mark import citation
from spine.report.model import Block, Figure, Glossary, Passage, Report, Section, Table, Tiles
from spine.report.plot import sparkline
from spine.report.sentence import sentence
from spine.report.word import utc, who


def markdown(report: Report) -> str:
    """The whole report; every fact is followed by its citation."""
    lines = [f"# {_cited(report.title)}", "", *(f"- {_cited(fact)}" for fact in report.head), ""]
    if report.broken:
        lines += [f"> **{broken(report)}**", ""]
    for section in report.sections:
        lines += [*_section(section), ""]
    lines += ["## Entries cited", "", *_appendix(report.entries), "", made(report)]
    return "\n".join(lines) + "\n"


def broken(report: Report) -> str:
    """What is said of entries that were changed."""
    numbers = ", ".join(f"#{seq}" for seq in report.broken)
    return (
        f"The audit trail was changed: the hash of {numbers} is wrong. What these entries say is left out. "
        "Run `opsspine audit verify`."
    )


def made(report: Report) -> str:
    """When it was made, and how it can be checked."""
    return (
        f"Made {utc(report.made_at)} from {len(report.entries)} entries of the audit trail of tenant {report.tenant}. "
        "Every citation is the number of an entry and how its hash begins; `opsspine audit verify` checks the chain."
    )


def plain(text: str) -> str:
    """`text` with nothing that Markdown or HTML would act on."""
    for mark in "\\`*_[]|~":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cited(fact: Fact) -> str:
    return f"{plain(fact.text)} {citation(fact.entries)}"


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.heading.value}"
    for block in section.blocks:
        yield ""
        yield from _block(block)


def _block(block: Block) -> Sequence[str]:
    match block:
        case Passage(facts, listed):
            return [f"{'- ' if listed else ''}{_cited(fact)}" for fact in facts]
        case Table(columns, rows):
            return [
                f"| {' | '.join((*columns, 'Entries'))} |",
                f"|{'---|' * (len(columns) + 1)}",
                *(f"| {' | '.join((*map(plain, row.cells), citation(row.entries)))} |" for row in rows),
            ]
        case Tiles(tiles):
            return [f"- **{tile.term.word}** {_cited(tile.fact)}" for tile in tiles]
        case Figure(caption, plot):
            return [f"`{sparkline(plot)}`", "", _cited(caption)]
        case Glossary(terms):
            return [f"- *{term.word}*: {term.meaning}" for term in terms]


def _appendix(entries: Sequence[Entry]) -> Iterator[str]:
    yield "| Entry | When | Who | What | Hash |"
    yield "|---|---|---|---|---|"
    for one in entries:
        said = plain(line(one))
        yield f"| {one.mark} | {utc(one.at)} | {plain(who(one.actor))} | {said} | `{one.hash}` |"


def line(entry: Entry) -> str:
    """An entry in the list at the end, cut short and safe to show."""
    return Fact(sentence(entry)[:140] or entry.action.value, (entry,)).text
