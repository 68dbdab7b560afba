"""Why mails or links fail, from the events; diagnostics tip the scale only where events leave it open."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import pandas as pd

from runbooks.mail.reading import Reading, count, read
from runbooks.mail.smtp import Why
from runbooks.mail.stream import Stream
from spine.abuse import Abuse, abuse_in, of_abusers, requests
from spine.case import Case
from spine.detect.tail import wilson_lower
from spine.diagnostic import Check, State

HALF = 0.5
"""A cause explains at least this share of what it is held against. Judgement."""
TOKEN_REJECTS = 0.2
"""Lower bound of the share of links that are refused. Source: RUNBOOKS 2.2."""
DOMAIN_SHARE, ELSEWHERE_LOST, ELSEWHERE_ARRIVED = 0.8, 0.1, 5
"""One recipient domain is the cause when it has this share of the lost mails, while elsewhere at least so many arrive
and at most so many are lost. Judgement."""
SLOW_MINUTES = 10.0
"""95 % of the mails should arrive within this. Source: RUNBOOKS 2.2."""
LEAST_TIMED = 20
"""Deliveries needed to know how long delivery takes. Judgement, as for token.ttl_set."""
MOST_SKEW_SECONDS = 60.0
"""Source: RUNBOOKS 2.2."""
BAD_LINKS = ("foreign_tenant", "wrong_key")


class Cause(StrEnum):
    """What is wrong."""

    ACCEPTED = "token fault: a link that had to be refused was accepted"
    KEY = "token fault: links are signed with another key than they are checked with"
    SKEW = "token fault: clocks disagree, links expire early"
    LINKS = "token fault: good links are refused"
    LATE = "mail arrives after its link has expired"
    SERVICE = "the mail service fails"
    DNS = "mail of the domain is not believed"
    UNDELIVERED = "mail does not arrive, and nobody says why"
    DOMAIN = "one recipient domain takes no mail"
    ADDRESSES = "mail goes to addresses that take none"
    THROWN = "a wave of sign-ups with throw-away addresses"
    ABUSE = "somebody asks for other people's resets"
    HARMLESS = "older or opened links are refused, as they should be"
    UNKNOWN = "failures that say nothing of their cause"

    @property
    def of_token(self) -> bool:
        """True when links are at fault, which no mail service mends."""
        return self in (Cause.ACCEPTED, Cause.KEY, Cause.SKEW, Cause.LINKS)


_LIKE_ABUSE = (Cause.HARMLESS, Cause.UNKNOWN, Cause.LINKS, Cause.ADDRESSES)
"""What requests for other people's resets leave behind: older links, guessed ones, mail to no one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The cause, and what it rests on."""

    cause: Cause
    share: float
    """Of everything that went wrong, the share it explains (0..1)."""
    reading: Reading
    abuse: Abuse
    accepted_badly: int
    """Links that had to be refused and were accepted."""
    token_fault: bool
    """True when links are at fault beside whatever else is: then another mail service is no help."""


@lru_cache(maxsize=1)  # a runbook's functions look at the same case one after the other
def judge(case: Case, stream: Stream) -> Judged:
    """The cause of `case`."""
    reading = read(case, stream)
    asked = requests(case.along)
    abuse = abuse_in(asked)
    accepted = _accepted_badly(reading)
    refused = reading.refused
    broken = int((refused["link_problem"] != "expired").sum()) if len(refused) else 0
    opened = len(reading.of("accepted", "completed")) + len(refused)
    fault = accepted > 0 or (broken > 0 and float(wilson_lower(broken, max(opened, broken))) >= TOKEN_REJECTS)
    cause, n = (Cause.ACCEPTED, accepted) if accepted else _cause(case, reading, asked, abuse)
    whole = accepted or reading.failures
    return Judged(
        cause=cause, share=min(n / whole, 1.0) if whole else 0.0, reading=reading, abuse=abuse,
        accepted_badly=accepted, token_fault=fault or cause.of_token,
    )  # fmt: skip


def bad_checks(case: Case, diagnostic: str, *names: str) -> tuple[Check, ...]:
    """The checks of a diagnostic that found something wrong, of those whose name begins with one of `names`."""
    answer = case.answers.get(diagnostic)
    checks = answer.checks if answer is not None else ()
    return tuple(c for c in checks if c.state is State.BAD and (not names or c.name.startswith(names)))


def disbelief(case: Case) -> tuple[Check, ...]:
    """What is wrong with the records by which others believe our mail; MX is about mail to us."""
    return bad_checks(case, "mail_dns", "spf", "dkim", "dmarc")


def p95_minutes(reading: Reading) -> float | None:
    """Within which time 95 % of the mails arrive; None = too few say so."""
    seconds = reading.of("delivered")["delivery_seconds"].dropna()
    return float(seconds.quantile(0.95)) / 60 if len(seconds) >= LEAST_TIMED else None


def skewed(case: Case, reading: Reading) -> bool:
    """True when clocks disagree by more than links can stand."""
    told = reading.rows["clock_skew_seconds"].dropna().abs()
    return case.state("clock_skew") is State.BAD or bool(len(told) and float(told.median()) > MOST_SKEW_SECONDS)


def top_domain(lost: pd.DataFrame) -> tuple[str, int]:
    """The recipient domain that most lost mails went to, and how many; "" = none is named."""
    counts = lost["recipient_domain"].value_counts()
    if counts.empty:
        return "", 0
    most = int(counts.max())
    return min(str(name) for name in counts.index[counts == most]), most


def thrown_away(reading: Reading) -> "pd.Series[bool]":
    """Which lost mails went to throw-away addresses, by what any event says of the person or the domain."""
    flagged = reading.rows[reading.rows["disposable_domain"]]
    domains = set(flagged["recipient_domain"].dropna())
    lost = reading.lost
    return (lost["who"].isin(set(flagged["who"])) | lost["recipient_domain"].isin(domains)).astype(bool)


def _accepted_badly(reading: Reading) -> int:
    rows = reading.of("accepted", "completed")
    return int(rows["link_problem"].isin(BAD_LINKS).sum())


def _cause(case: Case, reading: Reading, asked: pd.DataFrame, abuse: Abuse) -> tuple[Cause, int]:
    """The cause, and how many failures it explains.

    In an outage people ask again and again, whole offices at once: abuse is only the cause where no outage is.
    """
    cause, n = _of_evidence(case, reading)
    if abuse.proven and cause in _LIKE_ABUSE and (mine := _of_abuse(reading, asked, abuse)) >= HALF * reading.failures:
        return Cause.ABUSE, mine
    return cause, n


def _of_evidence(case: Case, reading: Reading) -> tuple[Cause, int]:
    whole, lost, refused = reading.failures, len(reading.lost), len(reading.refused)
    if not whole or len(reading.unsaid) > max(lost, refused, len(reading.harmless)):
        return Cause.UNKNOWN, 0
    if len(reading.harmless) >= HALF * whole:
        return Cause.HARMLESS, len(reading.harmless)
    return (of_links(case, reading), refused) if refused >= lost else _of_mails(case, reading)


def _of_abuse(reading: Reading, asked: pd.DataFrame, abuse: Abuse) -> int:
    """Failures of people whose resets somebody else asks for."""
    victims = set(asked.loc[of_abusers(asked, abuse), "user_id"].dropna().astype(str))
    parts = (reading.lost, reading.refused, reading.harmless, reading.unsaid)
    return sum(int(part["who"].isin(victims).sum()) for part in parts)


def of_links(case: Case, reading: Reading) -> Cause:
    """What is wrong with links that are refused."""
    problems = reading.refused["link_problem"].fillna("")
    if int(problems.isin(BAD_LINKS).sum()) >= HALF * len(problems):
        return Cause.KEY
    if int((problems == "expired").sum()) < HALF * len(problems):
        return Cause.LINKS
    if skewed(case, reading):
        return Cause.SKEW
    late = p95_minutes(reading)
    ages = reading.refused.loc[problems == "expired", "link_age_seconds"].dropna()
    waited = late is not None and (late > SLOW_MINUTES or (len(ages) > 0 and late * 60 >= float(ages.min())))
    return Cause.LATE if waited else Cause.LINKS


def _of_mails(case: Case, reading: Reading) -> tuple[Cause, int]:
    """Who is behind lost mails: those who signed up, one domain, the addresses, our records, or the service."""
    lost = reading.lost
    if (thrown := int(thrown_away(reading).sum())) >= HALF * len(lost):
        return Cause.THROWN, thrown
    domain, most = top_domain(lost)
    if _alone(reading, domain, most):
        return Cause.DOMAIN, most
    return next(
        ((cause, n) for cause, n in _by_reason(case, lost) if n >= HALF * len(lost)), (Cause.UNDELIVERED, len(lost))
    )


def _by_reason(case: Case, lost: pd.DataFrame) -> Iterator[tuple[Cause, int]]:
    yield Cause.ADDRESSES, count(lost, Why.ADDRESS, Why.MAILBOX)
    yield Cause.DNS, count(lost, Why.DISBELIEVED)
    yield Cause.SERVICE, count(lost, Why.SERVICE)
    vague = count(lost, Why.UNSAID, Why.REFUSED, Why.PUT_OFF)
    if disbelief(case):
        yield Cause.DNS, count(lost, Why.DISBELIEVED) + vague
    if case.state("smtp_starttls") is State.BAD:
        yield Cause.SERVICE, count(lost, Why.SERVICE) + vague
    yield Cause.SERVICE, count(lost, Why.SERVICE, Why.PUT_OFF)


def _alone(reading: Reading, domain: str, most: int) -> bool:
    """True when mail arrives everywhere else."""
    if not domain or most < DOMAIN_SHARE * len(reading.lost):
        return False
    elsewhere = reading.lost["recipient_domain"].fillna("") != domain
    arrived = reading.arrived["recipient_domain"].fillna(domain) != domain
    n, missed = int(arrived.sum()), int(elsewhere.sum())
    return n >= ELSEWHERE_ARRIVED and missed <= ELSEWHERE_LOST * (n + missed)
