"""Answers of diagnostics as evidence: frozen with their receipts, and read again by whoever continues."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from spine.diagnostic import Answer, Check, Receipt, State
from spine.incident import Incident
from store import incidents

_SOURCE = "diagnostic:"


def keep(connection: Connection, incident: Incident, answer: Answer, *, since: datetime, now: datetime) -> None:
    """Freeze `answer`: 1 = bad, 0 = good; what could not be seen is in the body alone."""
    incidents.add_evidence(
        connection, incident.tenant_id, incident.id, source=_SOURCE + answer.key,
        query="; ".join(receipt.asked for receipt in answer.receipts) or answer.key,
        window_start=since, window_end=now, n=len(answer.checks),
        observed={c.name: float(c.state is State.BAD) for c in answer.checks if c.state is not State.UNKNOWN},
        threshold={}, at=now,
        body={
            "checks": [
                {"name": c.name, "state": c.state.value, "because": c.because, "observed": dict(c.observed)}
                for c in answer.checks
            ],
            "receipts": [
                {"asked": r.asked, "at": r.at.isoformat(), "sha256": r.sha256, "size": r.size} for r in answer.receipts
            ],
        },
    )  # fmt: skip


def answers_in(rows: Iterable[Mapping[str, Any]]) -> tuple[Answer, ...]:
    """The latest answer of every diagnostic among rows of evidence, oldest first."""
    latest = {row["source"]: row for row in rows if row["source"].startswith(_SOURCE)}
    return tuple(_answer(source.removeprefix(_SOURCE), row["body"]) for source, row in latest.items())


def asked_since(rows: Iterable[Mapping[str, Any]], moment: datetime) -> set[str]:
    """Which diagnostics were answered after `moment`."""
    return {
        row["source"].removeprefix(_SOURCE)
        for row in rows
        if row["source"].startswith(_SOURCE) and row["window_end"] > moment
    }


def _answer(key: str, body: Mapping[str, Any]) -> Answer:
    return Answer(
        key,
        tuple(
            Check(
                c["name"], State(c["state"]), c["because"],
                {name: tuple(v) if isinstance(v, list) else v for name, v in c["observed"].items()},
            )
            for c in body["checks"]
        ),
        tuple(
            Receipt(asked=r["asked"], at=datetime.fromisoformat(r["at"]), sha256=r["sha256"], size=r["size"])
            for r in body["receipts"]
        ),
    )  # fmt: skip
