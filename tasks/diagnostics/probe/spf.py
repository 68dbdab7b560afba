"""Counting the look-ups of an SPF record, with all that it includes. Source: RFC 7208 4.6.4, 5.2, 6.1."""

from dataclasses import dataclass, field

from spine.diagnostic import Receipt
from tasks.diagnostics.probe.guard import Guard
from tasks.diagnostics.probe.records import txt

MOST_LOOKUPS = 10
_COUNTED = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


@dataclass
class Walk:
    """What was found on the way through a record and what it includes."""

    lookups: int = 0
    """Terms that cost a look-up; the walk stops at the first beyond ten."""
    includes: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    last: str = ""
    """The `all` of the record itself, for instance "-all"; "" = it has none."""


async def walk(guard: Guard, domain: str) -> Walk:
    """Follow the SPF record of `domain`.

    Raises:
        Transient: a part of it could not be read.
    """
    found = Walk()
    found.last = await _follow(guard, domain.lower(), found, ())
    return found


async def _follow(guard: Guard, domain: str, found: Walk, above: tuple[str, ...]) -> str:
    records, receipt = await txt(guard, domain)
    found.receipts.append(receipt)
    own = [record for record in records if record.lower().split(" ")[0] == "v=spf1"]
    if len(own) != 1:
        found.problems.append(f"{domain} has {len(own)} SPF records and must have one")
        return ""
    terms = own[0].lower().split()[1:]
    last = next((term for term in terms if term.lstrip("+-~?") == "all"), "")
    for term in terms:
        name, target = _parts(term)
        if name not in _COUNTED or (name == "redirect" and last):
            continue
        found.lookups += 1
        if found.lookups > MOST_LOOKUPS:
            return last
        if name in {"include", "redirect"}:
            inner = await _enter(guard, target, found, (*above, domain))
            last = inner if name == "redirect" else last
    return last


async def _enter(guard: Guard, target: str, found: Walk, above: tuple[str, ...]) -> str:
    if "%" in target:
        return ""  # a macro depends on the mail; it costs its one look-up, and leads nowhere before that
    if target in above or not target:
        found.problems.append(f"{above[-1]} includes {target or 'nothing'}, which leads in a circle or nowhere")
        return ""
    found.includes.add(target)
    return await _follow(guard, target, found, above)


def _parts(term: str) -> tuple[str, str]:
    """Name and domain of one term: "-include:x.test" is ("include", "x.test")."""
    plain = term.lstrip("+-~?")
    for sign in ("=", ":", "/"):
        name, found, rest = plain.partition(sign)
        if found and name.isalnum():
            return name, rest.removesuffix(".")
    return plain, ""
