"""Words that several parts of a report use."""

from datetime import datetime

from spine.incident import IncidentKind

_ACRONYMS = {"jwt": "JWT", "oauth": "OAuth"}


def utc(moment: datetime) -> str:
    """A moment as people read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def clock(moment: datetime) -> str:
    """The time of day."""
    return f"{moment:%H:%M:%S}"


def kind_words(kind: IncidentKind | str) -> str:
    """A type as people say it: "Failed logins spike"."""
    name = kind.value if isinstance(kind, IncidentKind) else kind
    words = [_ACRONYMS.get(word, word) for word in name.lower().split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def who(actor: str) -> str:
    """Who did something, as the trail names them."""
    noun, colon, name = actor.partition(":")
    if not colon:
        return "the engine" if actor == "engine" else actor
    return name if noun == "person" else f"{noun} {name}"


def many(count: int, noun: str, plural: str = "") -> str:
    """ "1 user", "3 users"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def plainly(value: object) -> str:
    """A value of the trail as text; long or nested ones are only counted."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list | tuple | dict):
        return f"{len(value)} values"
    return str(value)
