"""The numbers of a diagnosis: what a person asks first, and what the report needs later."""

from runbooks.mail.cause import Judged, p95_minutes, thrown_away, top_domain
from runbooks.mail.reading import Reading
from runbooks.mail.stream import Stream
from spine.case import Case


def numbers(case: Case, judged: Judged, stream: Stream) -> dict[str, float]:
    """By name; what could not be known is not there."""
    reading = judged.reading
    lost, arrived = len(reading.lost), len(reading.arrived)
    domain, most = top_domain(reading.lost)
    problems = reading.refused["link_problem"]
    told = {
        "failures": reading.failures,
        "lost": lost,
        "arrived": arrived,
        "arrived_after_all": reading.recovered,
        "delivered_share": arrived / (arrived + lost) if arrived + lost else None,
        "p95_delivery_minutes": p95_minutes(reading),
        "most_lost_to_one_domain": most if domain else None,
        "links_refused": len(reading.refused),
        "wrong_key": int(problems.isin(["wrong_key"]).sum()),
        "expired": int(problems.isin(["expired"]).sum()),
        "links_refused_rightly": len(reading.harmless),
        "accepted_badly": judged.accepted_badly,
        "unknown_addresses": reading.unknown,
        "completed_share": completed_share(reading),
        "usual_completed_share": usual_completed_share(case, reading, stream),
        **_extras(case, judged, stream),
    }
    return {name: float(value) for name, value in told.items() if value is not None}


def _extras(case: Case, judged: Judged, stream: Stream) -> dict[str, float | None]:
    """What the report says beside. Source: RUNBOOKS 2.2 and 2.8, Extras."""
    reading = judged.reading
    silent = set(reading.of("sent")["who"]) - set(reading.lost["who"]) - set(reading.arrived["who"])
    reports = len(reading.of("delivered", "undelivered")) > 0
    blocked = _blocked(reading)
    failed = (reading.lost, reading.refused, reading.unsaid)
    waiting = [at for part in failed for at, who in zip(part["at"], part["who"], strict=True) if who in blocked]
    found: dict[str, float | None] = {
        "mails_without_a_word": len(silent) if reports else None,
        "blocked_users": len(blocked),
        "longest_wait_minutes": (case.now - min(waiting)).total_seconds() / 60 if waiting else None,
    }
    if stream.name == "reset":
        return found | {
            "most_requests_for_one_user": judged.abuse.per_user,
            "most_users_of_one_address": judged.abuse.per_address,
        }
    usual = case.usual.per_hour.get(stream.asked.value)
    signups = len(reading.of("asked"))
    return found | {
        "signups": signups,
        "signups_of_usual": signups / usual if usual else None,
        "throw_away_addresses": int(thrown_away(reading).sum()),
    }


def _blocked(reading: Reading) -> set[str]:
    """Who failed, and did not get there later."""
    failed = (reading.lost, reading.refused, reading.unsaid)
    return {who for part in failed for who in part["who"]} - set(reading.of("completed")["who"])


def top_cohort(reading: Reading) -> tuple[str, int]:
    """Where most of those who are blocked came from, and how many; "" = nobody says."""
    rows = reading.rows[reading.rows["who"].isin(_blocked(reading))].dropna(subset=["cohort"])
    counts = rows.groupby("cohort")["who"].nunique()
    if counts.empty:
        return "", 0
    return min(str(name) for name in counts.index[counts == counts.max()]), int(counts.max())


def completed_share(reading: Reading) -> float | None:
    """Completed for each mail sent, since the incident began; None = no mail is said to be sent."""
    sent = len(reading.of("sent"))
    return len(reading.of("completed")) / sent if sent else None


def usual_completed_share(case: Case, reading: Reading, stream: Stream, *, least: int = 1) -> float | None:
    """The same on a usual day, by the profile of this hour; else of the hour's part before the incident, if at least
    `least` mails were sent in it; None = unknown."""
    hour = case.usual.per_hour
    sent, completed = hour.get(stream.sent.value), hour.get(stream.completed.value)
    if sent and completed is not None:
        return min(completed / sent, 1.0)
    roles = reading.before["role"]
    before = int((roles == "sent").sum())
    return min(int((roles == "completed").sum()) / before, 1.0) if before >= max(least, 1) else None
