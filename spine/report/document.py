"""A report as JSON values: for programs."""

from typing import Any

from spine.report.citation import Entry
from spine.report.fact import Fact, Row
from spine.report.model import Block, Figure, Glossary, Passage, Report, Table, Tiles

VERSION = 1
"""Of the shape; a change that breaks readers raises it."""


def document(report: Report) -> dict[str, Any]:
    """The whole report. `entries` are cited by their number; `facts` bear the numbers they rest on."""
    return {
        "version": VERSION,
        "kind": report.kind,
        "tenant": report.tenant,
        "made_at": report.made_at.isoformat(),
        "tone": report.tone,
        "title": _fact(report.title),
        "head": [_fact(fact) for fact in report.head],
        "sections": [
            {"heading": section.heading.value, "blocks": [_block(block) for block in section.blocks]}
            for section in report.sections
        ],
        "broken": list(report.broken),
        "entries": [_entry(one) for one in report.entries],
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {"text": fact.text, "entries": [one.seq for one in fact.entries]}


def _row(row: Row) -> dict[str, Any]:
    return {"cells": list(row.cells), "entries": [one.seq for one in row.entries]}


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Passage(facts, listed):
            return {"type": "list" if listed else "text", "facts": [_fact(fact) for fact in facts]}
        case Table(columns, rows):
            return {"type": "table", "columns": list(columns), "rows": [_row(row) for row in rows]}
        case Tiles(tiles):
            return {"type": "numbers", "numbers": [{"term": one.term.word, **_fact(one.fact)} for one in tiles]}
        case Figure(caption, plot):
            drawn = {"title": plot.title, "unit": plot.unit, "labels": list(plot.labels), "values": list(plot.values)}
            return {"type": "figure", "caption": _fact(caption), "limit": plot.limit, **drawn}
        case Glossary(terms):
            return {"type": "words", "words": {term.word: term.meaning for term in terms}}


def _entry(one: Entry) -> dict[str, Any]:
    return {
        "seq": one.seq, "hash": one.hash, "at": one.at.isoformat(), "action": one.action.value, "actor": one.actor,
        "outcome": one.outcome,
    }  # fmt: skip
