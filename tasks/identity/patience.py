"""How long an API wants to be left alone: Retry-After, or the rate limits' own headers."""

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_UNSAID = timedelta(seconds=10)
"""Where nothing says how long. Judgement."""
_LONGEST = timedelta(minutes=10)
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset")
"""Unix time at which the limit is lifted: Okta's and Auth0's spelling."""


def wanted(headers: Mapping[str, str], now: datetime) -> timedelta:
    """The pause that an answer with status 429 asks for, within ten minutes.

    `Date` of the same answer is "now" for its Unix times, so that clocks need not agree.
    """
    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return min(timedelta(seconds=int(after)), _LONGEST)
    theirs = _moment(headers.get("date", "")) or now
    until = _moment(after)
    for name in _RESETS:
        if until is None and headers.get(name, "").strip().isdigit():
            until = datetime.fromtimestamp(min(int(headers[name]), 2**33), UTC)
    return _UNSAID if until is None else min(max(until - theirs, timedelta()), _LONGEST)


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
