"""The page of events: every type, what stands against it, and every attribute, from the declarations."""

from collections.abc import Iterable, Mapping

from deployments.docs.markdown import page as whole_page
from deployments.docs.markdown import table
from spine.attribute import ATTRIBUTES, FIELDS, Attribute
from spine.incident import AUTH_KINDS, IncidentKind
from spine.mappers import mappers
from spine.vocabulary import TOLD_NAMES, UNKNOWN_TYPE, VOCABULARY

_INTRODUCTION = f"""An event has `id` (your own: sending it twice counts once), `type`, `occurred_at` (ISO 8601 with a
zone, or Unix seconds; without it now), the fields below, and `attributes`; a name that is no field is an attribute.
Send successes as well as failures: most detectors test a ratio.

Nothing good is lost. A type that is not in this list is stored as `other` with its name in `original_type`. A declared
attribute of another type or with an unknown value is stored as it came, and so is an attribute that is not declared
here. The first two are told (`opsspine ingest`, the answer of `POST /api/ops/events`, the metric
`opsspine_ingest_unusual`) as `{UNKNOWN_TYPE}`, `wrong_type` and `unknown_value`, up to {TOLD_NAMES} by name. An
attribute is looked at for the types that have it. Secrets are hidden before anything is stored."""

_LOGS = """`opsspine ingest FILE --format NAME` and `opsspine backtest` read these logs as they are, as JSON lines,
as an array or as one document; `POST /api/ops/events?format=NAME` takes them over HTTP. Each record keeps the vendor's
id, so that reading it twice counts nothing twice. A record that is not about logging in is skipped and counted, one
that cannot be understood is refused with the reason. `sshd` reads a syslog file."""


def page() -> str:
    """The fields, every type by the incident that reads it, every attribute, and the logs that are read."""
    kinds = [(f"## {kind.value}", _types(kind)) for kind in AUTH_KINDS]
    rest = table(["type", "meaning"], [(f"`{t.value}`", e.meaning) for t, e in VOCABULARY.items() if not e.kinds])
    sections = [
        ("## Fields", _declared(FIELDS)),
        *kinds,
        ("## Everything else", rest),
        ("## Attributes", _declared(ATTRIBUTES)),
        ("## Logs of other systems", _LOGS, _mappers()),
    ]
    parts = (part for section in sections for part in section)
    return whole_page("Events", "`spine/vocabulary.py` and `spine/attribute.py`", _INTRODUCTION, *parts)


def _types(kind: IncidentKind) -> str:
    rows = [
        (
            f"`{type.value}`",
            entry.meaning,
            f"`{entry.against.value}`" if entry.against else "",
            _names(entry.attributes),
        )
        for type, entry in VOCABULARY.items()
        if kind in entry.kinds
    ]
    return table(["type", "meaning", "against", "attributes"], rows)


def _declared(attributes: Mapping[str, Attribute]) -> str:
    rows = [(f"`{a.name}`", _values(a), a.meaning, _readers(a)) for a in attributes.values()]
    return table(["name", "values", "meaning", "read by"], rows)


def _mappers() -> str:
    rows = [(f"`{m.name}`", m.title, m.reads, m.source) for _, m in sorted(mappers().items())]
    return table(["name", "log", "read from", "made after"], rows)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _values(attribute: Attribute) -> str:
    if attribute.values:
        return _names(attribute.values)
    least, most = attribute.bounds or (float("-inf"), float("inf"))
    limits = [f"≥ {least:g}"] * (least != float("-inf")) + [f"≤ {most:.0f}"] * (most != float("inf"))
    return ", ".join(
        [f"{attribute.type.value} ({attribute.unit})" if attribute.unit else attribute.type.value, *limits]
    )


def _readers(attribute: Attribute) -> str:
    if len(attribute.read_by) == len(AUTH_KINDS):
        return "all: " + ", ".join(sorted(set(attribute.read_by.values())))
    return "; ".join(f"{kind.value}: {signal}" for kind, signal in attribute.read_by.items())
