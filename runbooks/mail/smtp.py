"""Why a mail was not taken, by the receiving server's answer. Source: RFC 5321 4.2, RFC 3463, RFC 7372."""

import re
from enum import StrEnum

_BASIC = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
_ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_AUTHENTICATION = frozenset({*range(20, 28), 30, 32, 40})
"""Details of X.7.X that mean SPF, DKIM or DMARC. Source: RFC 7372; the rest are those of large mailbox providers."""
_NETWORK = ("3", "4", "5")
"""Subjects: the receiving system, the way to it, the protocol."""
_BY_SUBJECT = {"1": "address", "2": "mailbox"}
_CLOSING, _PERMANENT = 421, 500
_BY_CODE = {_CLOSING: "service", 432: "service", 454: "service", 530: "service", 535: "service", 551: "address",
            552: "mailbox", 553: "address"}  # fmt: skip


class Why(StrEnum):
    """What an answer means for whoever may mend it."""

    SERVICE = "service"
    """A server on the way is down, overloaded or cannot be reached."""
    PUT_OFF = "put off"
    """Try again later: greylisting, mostly."""
    DISBELIEVED = "disbelieved"
    """Policy: SPF, DKIM, DMARC, or a bad name."""
    REFUSED = "refused"
    """For good, without a reason that could be read."""
    ADDRESS = "address"
    """There is no such address."""
    MAILBOX = "mailbox"
    """It is full or closed."""
    UNSAID = "unsaid"


def why(status: str | None, state: str | None, bounce: str | None) -> Why:
    """What `status` means ("421", "5.7.26", "550-5.1.1 no such user"); without one, what the other two leave open."""
    told = status or ""
    basic = [int(code) for code in _BASIC.findall(told)]
    enhanced = _ENHANCED.search(told)
    if enhanced:
        return _by_enhanced(*enhanced.groups(), closing=_CLOSING in basic)
    if basic:
        return Why(_BY_CODE[basic[0]]) if basic[0] in _BY_CODE else _by_class(soft=basic[0] < _PERMANENT)
    if bounce or state in ("deferred", "bounced"):
        return _by_class(soft=bounce == "soft" or (not bounce and state == "deferred"))
    return Why.UNSAID


def _by_enhanced(first: str, subject: str, detail: str, *, closing: bool) -> Why:
    soft = first == "4"
    if subject == "7" and (not soft or int(detail) in _AUTHENTICATION):
        return Why.DISBELIEVED
    if closing or subject in _NETWORK:
        return Why.SERVICE
    if soft:
        return Why.PUT_OFF
    return Why(_BY_SUBJECT.get(subject, Why.REFUSED))


def _by_class(*, soft: bool) -> Why:
    return Why.PUT_OFF if soft else Why.REFUSED
