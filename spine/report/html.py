"""A report as one HTML page: nothing is loaded from anywhere, no script runs, and it prints well."""

from collections.abc import Iterator

from spine.plain import markup
from spine.report.citation import Entries, Entry
from spine.report.fact import Fact, Row
from spine.report.mark import marks
from spine.report.markdown import broken, line, made
from spine.report.model import Block, Figure, Glossary, Passage, Report, Section, Table, Tiles
from spine.report.plot import svg
from spine.report.style import CSS
from spine.report.word import utc, who

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_NAMES = {"incident": "Post-incident report", "week": "Weekly summary"}
_TIMES = frozenset({"When (UTC)", "From", "From (UTC)", "To", "Until (UTC)", "Opened", "Asked", "Window (UTC)"})


def html(report: Report) -> str:
    """The whole page."""
    name = _NAMES[report.kind]
    tone = report.tone if report.kind == "incident" else report.kind
    head = "".join(f"<li>{_cited(fact)}</li>" for fact in report.head)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{markup(report.title.text)}: {name}</title><style>{CSS}</style></head>"
        f'<body class="{markup(tone)}"><main><header><p class="eyebrow">{name}</p><h1>{_cited(report.title)}</h1>'
        f'<ul class="head">{head}</ul>{_navigation(report)}</header>{_warning(report)}'
        f"{''.join(_section(section) for section in report.sections)}"
        f"{_appendix(report)}<footer>{markup(made(report))}</footer></main></body></html>\n"
    )


def _navigation(report: Report) -> str:
    links = (f'<a href="#{_slug(one)}">{markup(one.heading.value)}</a>' for one in report.sections)
    return f'<nav aria-label="Sections">{"".join(links)}<a href="#entries">Entries</a></nav>'


def _slug(section: Section) -> str:
    return section.heading.name.lower().replace("_", "-")


def _warning(report: Report) -> str:
    return f'<p class="broken" role="alert">{markup(broken(report))}</p>' if report.broken else ""


def _section(section: Section) -> str:
    blocks = "".join(_block(block) for block in section.blocks)
    return f'<section id="{_slug(section)}"><h2>{markup(section.heading.value)}</h2>{blocks}</section>'


def _block(block: Block) -> str:
    match block:
        case Passage(facts, True):
            return f'<ul class="facts">{"".join(f"<li>{_cited(fact)}</li>" for fact in facts)}</ul>'
        case Passage(facts):
            return "".join(f"<p>{_cited(fact)}</p>" for fact in facts)
        case Table():
            return _table(block)
        case Tiles(tiles):
            drawn = (
                f'<div class="tile"><span class="term">{one.term.word}</span><b>{markup(one.fact.text)}</b>'
                f"{_cite(one.fact.entries)}</div>"
                for one in tiles
            )
            return f'<div class="tiles">{"".join(drawn)}</div>'
        case Figure(caption, plot):
            return f"<figure>{svg(plot)}<figcaption>{_cited(caption)}</figcaption></figure>"
        case Glossary(terms):
            rows = (f"<div><dt>{markup(one.word)}</dt><dd>{markup(one.meaning)}</dd></div>" for one in terms)
            return f"<dl>{''.join(rows)}</dl>" if terms else ""


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{markup(name)}</th>' for name in (*table.columns, "Entries"))
    rows = "".join(_row(table, row) for row in table.rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(table: Table, row: Row) -> str:
    cells = (_cell(name, cell) for name, cell in zip(table.columns, row.cells, strict=True))
    return f"<tr>{''.join(cells)}<td>{_cite(row.entries)}</td></tr>"


def _cell(column: str, text: str) -> str:
    name = "hash" if column.startswith("SHA") else "time" if column in _TIMES else ""
    return f"<td{f' class={name}' if name else ''}>{markup(text)}</td>"


def _cited(fact: Fact) -> str:
    return f"{markup(fact.text)} {_cite(fact.entries)}"


def _cite(entries: Entries) -> str:
    by_mark = {one.mark: one.seq for one in entries}
    parts = (
        f'<a href="#e{by_mark[mark]}">{mark}</a>' if mark in by_mark else f"<span>{mark}</span>"
        for mark in marks(entries)
    )
    return f'<span class="cite">[{", ".join(parts)}]</span>'


def _appendix(report: Report) -> str:
    rows = "".join(_entry_rows(report.entries))
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Entry", "When (UTC)", "Who", "What", "Hash"))
    return (
        '<section id="entries" class="appendix"><h2>Entries cited</h2><div class="scroll"><table><thead><tr>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _entry_rows(entries: tuple[Entry, ...]) -> Iterator[str]:
    for one in entries:
        yield (
            f'<tr id="e{one.seq}"><td class="time">{one.mark}</td><td class="time">{utc(one.at)[:19]}</td>'
            f'<td>{markup(who(one.actor))}</td><td>{markup(line(one))}</td><td class="hash">{one.hash}</td></tr>'
        )
