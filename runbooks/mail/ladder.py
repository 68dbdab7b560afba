"""The rungs against failing mails and links, mildest first. Addresses are never verified, and accounts never locked."""

import math
from collections.abc import Iterator

import pandas as pd

from runbooks.mail.cause import SLOW_MINUTES, Cause, Judged, disbelief, judge, p95_minutes
from runbooks.mail.stream import Stream
from spine.abuse import of_abusers, requests
from spine.case import Case, Proposal
from spine.severity import Severity

_BY_MAIL = (Cause.SERVICE, Cause.DNS, Cause.UNDELIVERED)
_SHORTEST_LINK = 15
"""Minutes. Source: RUNBOOKS 1, bounds of token.ttl_set."""
_ROOM = 1.5
"""Links should live so many times as long as 95 % of the mails take. Judgement."""
_DAY = 1440
"""Minutes. Source: RUNBOOKS 1, bounds of email.retry_queue and token.ttl_set."""
_MOST_PER_MINUTE = 60
"""Source: RUNBOOKS 1, bounds of rate_limit.strict."""


def ladder(case: Case, stream: Stream) -> list[Proposal]:
    """What may help against the cause, without what was tried."""
    judged = judge(case, stream)
    rungs = [*_mails(case, judged, stream), *_requests(case, judged, stream), *_links(case, judged, stream)]
    rungs += [*_sign_ups(judged, stream), *_pause(case, judged, stream)]
    return [rung for rung in rungs if rung.action_key not in case.tried]


def failover_helps(case: Case, judged: Judged) -> bool:
    """True when another mail service may deliver what this one does not.

    Not where links are at fault. Where records are, only if the domain still has some that another service's mail can
    align with; whether it does is the operator's word, which the action's guard asks for.
    """
    if judged.token_fault:
        return False
    if judged.cause is Cause.LATE:
        late = p95_minutes(judged.reading)
        return late is not None and late > SLOW_MINUTES
    if judged.cause is not Cause.DNS:
        return judged.cause in _BY_MAIL
    answer = case.answers.get("mail_dns")
    selectors = {check.name for check in (answer.checks if answer else ()) if check.name.startswith("dkim")}
    wrong = {check.name for check in disbelief(case)}
    return "dmarc" not in wrong and not (selectors and selectors <= wrong)


def _mails(case: Case, judged: Judged, stream: Stream) -> Iterator[Proposal]:
    """Another service, then what the first one did not deliver once more."""
    if not failover_helps(case, judged):
        return
    yield Proposal(
        action_key="email.failover",
        params={"stream": stream.name},
        verify="mails of the second service arrive and do not bounce",
    )
    waited = max(math.ceil((case.now - case.incident.first_event_at).total_seconds() / 60), 1)
    lives = _link_minutes(case, stream)
    yield Proposal(
        action_key="email.retry_queue",
        params={"token": stream.name, "newer_than_minutes": min(waited, lives or _SHORTEST_LINK, _DAY)},
        after=() if "email.failover" in case.tried else ("email.failover",),
        verify="who waited gets one mail, the newest, and no second one",
    )


def _requests(case: Case, judged: Judged, stream: Stream) -> Iterator[Proposal]:
    """A limit on requests, where somebody asks for other people's resets: twice what anybody else needs."""
    abuse = judged.abuse
    if stream.name != "reset" or judged.cause is not Cause.ABUSE:
        return
    scope, column = ("address", "ip") if abuse.addresses else ("user", "user_id")
    asked = requests(case.along)
    rows = asked[~of_abusers(asked, abuse)].dropna(subset=[column])
    minutes = pd.to_datetime(rows["occurred_at"], utc=True).dt.floor("min")
    busiest = int(rows.groupby([rows[column], minutes]).size().max()) if len(rows) else 1
    per_minute = min(max(2 * busiest, 1), _MOST_PER_MINUTE)
    yield Proposal(
        action_key="rate_limit.strict",
        params={"flow": "reset", "scope": scope, "per_minute": per_minute},
        verify=f"requests per {scope} stay under the limit, and people's go on",
    )


def _links(case: Case, judged: Judged, stream: Stream) -> Iterator[Proposal]:
    """Links that live as long as mails take, where mails are late; never shorter ones."""
    late = p95_minutes(judged.reading)
    if judged.cause is not Cause.LATE or late is None:
        return
    wanted = min(max(math.ceil(_ROOM * late), _SHORTEST_LINK), stream.longest_link_minutes)
    now = _link_minutes(case, stream)
    if now is None or wanted > now:
        yield Proposal(
            action_key="token.ttl_set",
            params={"token": stream.name, "link_minutes": wanted},
            verify="links of late mails are accepted",
        )


def _link_minutes(case: Case, stream: Stream) -> float | None:
    """How long links live now; None = nobody said."""
    told = (case.site.link_minutes if case.site else None) or {}
    return told.get(stream.name)


def _sign_ups(judged: Judged, stream: Stream) -> Iterator[Proposal]:
    """A captcha at sign-up, where programs sign up with addresses that are not theirs."""
    if stream.name == "verification" and judged.cause in (Cause.THROWN, Cause.ADDRESSES):
        yield Proposal(
            action_key="captcha.require",
            params={"mode": "risk", "flow": "signup"},
            verify="captchas are shown at sign-up, and people pass them",
        )


def _pause(case: Case, judged: Judged, stream: Stream) -> Iterator[Proposal]:
    """No resets at all: last, when a limit was not enough, or a link that had to be refused lets people in."""
    if stream.name != "reset":
        return
    hard = "rate_limit.strict" in case.tried or case.incident.severity is Severity.CRITICAL
    if judged.accepted_badly or (judged.cause is Cause.ABUSE and hard):
        yield Proposal(action_key="reset.pause", verify="no reset is taken, and logins go on")
