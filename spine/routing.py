"""Routing: which rule sends which news where, and why. Pure; the rules come from settings and from the tenant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from spine.errors import Refused
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.notification import PAGES, Topic
from spine.route import Destination, Rule
from spine.severity import Severity

Origin = Literal["tenant", "settings", "default"]
_MAIL_WORTHY = (Topic.INCIDENT_OPENED, Topic.INCIDENT_ESCALATED, Topic.APPROVAL_REQUESTED)
_A_TENANT = TenantId("some-tenant-no-rule-names")
_MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
QUIET = frozenset({"log"})
"""Channels that wake nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is to be told, as far as rules look at it."""

    tenant: TenantId
    topic: Topic
    severity: Severity
    kind: IncidentKind | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Sourced:
    """A rule and where it comes from."""

    rule: Rule
    origin: Origin


@dataclass(frozen=True, slots=True)
class Reading:
    """What one rule had to say about some news."""

    rule: Rule
    origin: Origin
    matched: bool
    because: str


@dataclass(frozen=True, slots=True)
class Routed:
    """Where some news goes, and how every rule was read on the way."""

    destinations: tuple[Destination, ...]
    readings: tuple[Reading, ...]
    fallback: bool = False
    """True when no rule took a critical page, so that it goes where it would go without any rule."""


def default_rules(modes: Sequence[str]) -> list[Rule]:
    """What holds where nobody wrote rules: every channel that is switched on hears everything.

    Mail beside Slack carries only what somebody must act on, high and above.
    """
    rules = []
    for mode in dict.fromkeys(modes):
        if mode == "email" and "slack" in modes:
            topics = tuple(topic.value for topic in _MAIL_WORTHY)
            rules.append(Rule(name="default: email beside Slack", to=(mode,), topics=topics, least="high"))
        else:
            rules.append(Rule(name=f"default: {mode}", to=(mode,)))
    return rules


def ruleset(tenant: Sequence[Rule], settings: Sequence[Rule], modes: Sequence[str]) -> list[Sourced]:
    """The rules in the order in which they are read: the tenant's own, then the installation's or the defaults."""
    common: list[Sourced] = [Sourced(rule, "settings") for rule in settings]
    return [Sourced(rule, "tenant") for rule in tenant] + (common or _defaults(modes))


def route(rules: Sequence[Sourced], news: News, modes: Sequence[str]) -> Routed:
    """Where `news` goes. A critical page that no rule takes goes where it would go without rules: never nowhere."""
    readings = _read(rules, news)
    found = dict.fromkeys(to for reading in readings if reading.matched for to in reading.rule.destinations)
    if not found and must_arrive(news):
        spare = _defaults(modes)
        rescued = dict.fromkeys(to for one in spare for to in one.rule.destinations)
        return Routed(tuple(rescued), tuple(readings), fallback=True)
    return Routed(tuple(found), tuple(readings))


def must_arrive(news: News) -> bool:
    """True for a critical page: something a person has to act on now."""
    return news.severity is Severity.CRITICAL and news.topic in PAGES


def dropped(rules: Sequence[Sourced]) -> list[News]:
    """Critical pages that the rules send nowhere, one example of each kind; [] = none is dropped.

    Exhaustive: every topic that pages, every type, every tenant a rule names and one that none does, and every
    stretch of the week between two hours a rule names.
    """
    return [news for news in _examples(rules) if not _takers(rules, news)]


def unheard(rules: Sequence[Sourced]) -> list[News]:
    """Critical pages that reach only channels that wake nobody, one example of each kind."""
    return [
        news
        for news in _examples(rules)
        if (takers := _takers(rules, news)) and all(t.channel in QUIET for t in takers)
    ]


def refuse_dropped(rules: Sequence[Sourced], whose: str) -> None:
    """Raises Refused when the rules send some critical page nowhere."""
    if lost := dropped(rules):
        one = lost[0]
        raise Refused(
            "routes.dropped",
            f"{whose} would send a critical page nowhere: {one.topic.value} of {one.kind} of tenant {one.tenant} at "
            f"{one.at:%a %H:%M} UTC, and {len(lost) - 1} more kinds of them. Nobody would be woken, so nothing was "
            "taken over. Add a rule for critical incidents without conditions, or take away the `last` before it.",
        )


def warnings(rules: Sequence[Sourced]) -> list[str]:
    """What a person should know of rules that are not refused."""
    quiet = unheard(rules)
    if not quiet:
        return []
    return [
        f"Critical pages reach channels that wake nobody ({quiet[0].topic.value} at {quiet[0].at:%a %H:%M} UTC, and "
        f"{len(quiet) - 1} more kinds). Switch on a channel people hear: OPSSPINE_NOTIFY__MODE."
    ]


def why_not(rule: Rule, news: News) -> str | None:
    """Why the rule does not take the news, in words; None = it does."""
    if rule.topics and not any(fnmatchcase(news.topic.value, pattern) for pattern in rule.topics):
        return f"{news.topic.value} is none of {', '.join(rule.topics)}"
    if not rule.weighs(news.severity):
        return f"{news.severity.label} is not between {rule.least} and {rule.most}"
    if rule.kinds and news.kind not in rule.kinds:
        return f"{news.kind.value if news.kind else 'no type'} is none of {', '.join(k.value for k in rule.kinds)}"
    if rule.tenants and not any(fnmatchcase(news.tenant, pattern) for pattern in rule.tenants):
        return f"tenant {news.tenant} is none of {', '.join(rule.tenants)}"
    if rule.hours is not None and not rule.hours.holds(news.at):
        return f"{news.at:%a %H:%M} UTC is outside {rule.hours}"
    return None


def _read(rules: Sequence[Sourced], news: News) -> list[Reading]:
    readings: list[Reading] = []
    ended: str | None = None
    for one in rules:
        if ended is not None:
            readings.append(Reading(one.rule, one.origin, False, f"not read: {ended!r} was the last"))
            continue
        missed = why_not(one.rule, news)
        because = missed or f"sends to {', '.join(one.rule.to) or 'nobody'}"
        readings.append(Reading(one.rule, one.origin, missed is None, because))
        if missed is None and one.rule.last:
            ended = one.rule.name
    return readings


def _takers(rules: Sequence[Sourced], news: News) -> set[Destination]:
    return {to for reading in _read(rules, news) if reading.matched for to in reading.rule.destinations}


def _defaults(modes: Sequence[str]) -> list[Sourced]:
    return [Sourced(rule, "default") for rule in default_rules(modes)]


def _examples(rules: Sequence[Sourced]) -> Iterator[News]:
    tenants = {_A_TENANT, *(TenantId(t.replace("*", "x")) for one in rules for t in one.rule.tenants)}
    moments = _moments(rules)
    for topic in sorted(PAGES):
        for kind in IncidentKind:
            for tenant in sorted(tenants):
                for at in moments:
                    yield News(tenant=tenant, topic=topic, severity=Severity.CRITICAL, kind=kind, at=at)


def _moments(rules: Sequence[Sourced]) -> list[datetime]:
    """One moment in every stretch of a winter's and a summer's week between two edges of hours."""
    hours = {one.rule.hours for one in rules if one.rule.hours is not None}
    if not hours:
        return [_MONDAY]
    found = []
    for monday in (_MONDAY, _MONDAY + timedelta(weeks=20)):
        sunday = monday + timedelta(days=7)
        found += sorted({monday, *(edge for one in hours for edge in one.edges(monday, sunday))})
    return found
