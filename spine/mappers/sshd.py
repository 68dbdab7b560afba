"""sshd's lines in a syslog file, as events.

Traditional syslog time has neither year nor zone. The year is counted along the file: from the year of the
first line, or backwards from `now` for the last one. Ids derive from the line, so that reading a file again,
or a longer version of it, adds nothing twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from spine.ids import TenantId, derive

_LINE = re.compile(
    r"^(?:<\d{1,3}>)?(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) (?P<host>\S+) "
    r"sshd(?:-session)?(?:\[(?P<pid>\d+)\])?: (?P<message>.*)$"
)
_REPEATED = re.compile(r"^message repeated (?P<times>\d{1,6}) times: \[ ?(?P<message>.*?)\]$")
# greedy up to the last " from … port …": a user name may contain the same words to lay blame on others
_ATTEMPT = re.compile(
    r"^(?P<result>Accepted|Failed) (?P<method>\S+) for (?P<invalid>invalid user )?(?P<user>.*) "
    r"from (?P<address>\S+) port (?P<port>\d+)(?: ssh\d?)?(?:: .*)?$"
)
_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_HALF_YEAR = 6
_LONGEST_CYCLE = 8
"""Years without a 29 February at most (around 2100)."""
_LEAP_YEAR = 2024
"""Any: every date without a year is one of its days."""


def sshd_events(
    lines: Iterable[str], *, tenant: TenantId, first_year: int, timezone: tzinfo = UTC
) -> Iterator[dict[str, Any]]:
    """One raw event per attempt to log in; "message repeated N times" gives N. Other lines give nothing.

    `first_year` is the year of the first line (`first_year_of` guesses it); `timezone` that of the host.
    """
    year = _Year(first_year)
    seen: Counter[tuple[str, ...]] = Counter()
    second = ""
    for line in lines:
        if (found := _LINE.match(line.rstrip("\r\n"))) is None:
            continue
        stamp = found["stamp"]
        calendar_year = year.at(stamp)
        if stamp != second:
            second, seen = stamp, Counter()
        times, message = _repeats(found["message"])
        if (attempt := _ATTEMPT.match(message)) is None or attempt["method"] == "none":
            continue
        try:
            at = _time(stamp, calendar_year, timezone)
        except ValueError:
            continue
        for _ in range(times):
            key = found["host"], found["pid"] or "", message
            seen[key] += 1
            yield _event(attempt, found["host"], at, str(derive("sshd", tenant, at, *key, seen[key])))


def first_year_of(lines: Iterable[str], *, now: datetime, timezone: tzinfo = UTC) -> int:
    """The year of the first line if the last one is the latest possible before `now`."""
    year = _Year(0)
    last, leap_days = "", set[int]()
    for line in lines:
        if (found := _LINE.match(line)) is not None and _possible(found["stamp"]):
            last, offset = found["stamp"], year.at(found["stamp"])
            if last.startswith("Feb 29"):
                leap_days.add(offset)
    if not last:
        return now.year
    for last_year in range(now.year + 1, now.year - _LONGEST_CYCLE - 1, -1):
        first = last_year - year.offset
        if all(_is_leap(first + offset) for offset in leap_days) and _time(last, last_year, timezone) <= now:
            return first
    return now.year - year.offset


class _Year:
    """Counts the years along a file: December to January is one more, the reverse (lines a little out of
    order) one less."""

    def __init__(self, first: int) -> None:
        self.offset = first
        self._month = 0

    def at(self, stamp: str) -> int:
        month = _MONTHS.get(stamp[:3], 0)
        if month and self._month:
            if self._month - month > _HALF_YEAR:
                self.offset += 1
            elif month - self._month > _HALF_YEAR:
                self.offset -= 1
        self._month = month or self._month
        return self.offset


def _possible(stamp: str) -> bool:
    """True for a stamp without a year that some year has."""
    try:
        return stamp[0].isalpha() and bool(_time(stamp, _LEAP_YEAR, UTC))
    except ValueError:
        return False


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _time(stamp: str, year: int, timezone: tzinfo) -> datetime:
    if stamp[0].isdigit():
        moment = datetime.fromisoformat(stamp)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)
    if (month := _MONTHS.get(stamp[:3])) is None:
        raise ValueError(f"{stamp[:3]} is no month")
    hour, minute, second = (int(part) for part in stamp[7:].split(":"))
    local = datetime(year, month, int(stamp[4:6]), hour, minute, min(second, 59), tzinfo=timezone)
    return local.astimezone(UTC)


def _repeats(message: str) -> tuple[int, str]:
    repeated = _REPEATED.match(message)
    return (int(repeated["times"]), repeated["message"]) if repeated else (1, message)


def _event(attempt: re.Match[str], host: str, at: datetime, event_id: str) -> dict[str, Any]:
    address = attempt["address"]
    attributes: dict[str, Any] = {"host": host, "port": int(attempt["port"])}
    if attempt["invalid"]:
        attributes["invalid_user"] = True
    if not _looks_like_address(address):
        attributes["remote_host"] = address
        address = None
    return {
        "id": event_id,
        "type": "login_succeeded" if attempt["result"] == "Accepted" else "login_failed",
        "occurred_at": at,
        "user_id": attempt["user"],
        "provider": attempt["method"],
        "ip": address,
        "attributes": attributes,
    }


def _looks_like_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()
