"""Small cases of accounts in other hands, and of what merely looks like them: examples of two runbooks."""

from spine.case import Case
from spine.case_example import BROWSER, TENANT
from spine.case_rows import Rows, case_of
from spine.detect.entity.sighting import subject_of
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.severity import Severity

T = EventType
_U0 = subject_of(TENANT, "u0")
_HOME, _FOREIGN = "192.0.2.1", "198.51.100.9"
_TOOL, _STRANGE = "python-requests/2.32", "Mozilla/5.0 (Windows NT 10.0) Chrome/150.0"
_OTHERS = Rows(type=T.SESSION_USED, n=60, users=20, since=55, first_user=10, user_agent=BROWSER)
_COLLEAGUES = Rows(type=T.ADMIN_ACTION, n=6, users=2, first_user=1, since=55, ip="192.0.2.2", user_agent=BROWSER)


def replayed_cookie() -> Case:
    """A program uses the session of a browser that is elsewhere."""
    return case_of(
        IncidentKind.SESSION_ANOMALIES,
        Rows(type=T.SESSION_USED, n=6, since=50, until=20, session_id="s1", user_agent=BROWSER, country="DE"),
        Rows(type=T.SESSION_USED, n=2, since=9, ip=_FOREIGN, session_id="s1", user_agent=_TOOL, country="NL"),
        _OTHERS,
        detectors=("session_replayed",), n=2, margin=1, subject=_U0, suspects=(_FOREIGN,), known_addresses=(_HOME,),
    )  # fmt: skip


def travelled() -> Case:
    """In two countries within minutes, on another device."""
    return _in_two_countries(8, Rows(type=T.SESSION_CREATED, since=9, ip=_FOREIGN, user_agent=_TOOL, country="JP"))


def relayed() -> Case:
    """The same speed, with the user's own device behind a relay."""
    behind = Rows(
        type=T.SESSION_CREATED, since=9, ip=_FOREIGN, user_agent=BROWSER, country="JP", attributes={"anonymiser": True}
    )
    return _in_two_countries(0.9, behind)


def _in_two_countries(margin: float, there: Rows) -> Case:
    home = Rows(type=T.SESSION_CREATED, since=50, user_agent=BROWSER, country="DE")
    return case_of(
        IncidentKind.SESSION_ANOMALIES, home, there, _OTHERS, detectors=("impossible_travel",), n=2, margin=margin,
        subject=_U0, suspects=(_FOREIGN,), severity=Severity.MEDIUM,
    )  # fmt: skip


def late_retry() -> Case:
    """A refresh that lost a race, and came again after five seconds."""
    late = {"refresh_reused": True, "reuse_age_seconds": 5}
    return case_of(
        IncidentKind.SESSION_ANOMALIES,
        Rows(type=T.SESSION_REFRESHED, since=9, user_agent=BROWSER),
        Rows(type=T.SESSION_REFRESH_FAILED, since=8.9, user_agent=BROWSER, attributes=late),
        _OTHERS,
        detectors=("refresh_reused",), n=1, margin=5 / 30, subject=_U0,
    )  # fmt: skip


def taken_over() -> Case:
    """A strange login by SMS, and then an API token."""
    token = {"admin_action": "api_key_created"}
    took = Rows(type=T.ADMIN_ACTION, since=6, ip=_FOREIGN, user_agent=_STRANGE, attributes=token)
    return _admin(14, _STRANGE, _FOREIGN, Severity.CRITICAL, took)


def strange_login() -> Case:
    """The same login before anything was changed."""
    return _admin(14, _STRANGE, _FOREIGN, Severity.HIGH)


def journey() -> Case:
    """A new country with the usual device: under the line."""
    return _admin(8, BROWSER, _FOREIGN, Severity.MEDIUM)


def odd_hour() -> Case:
    """At night, at the usual desk."""
    return _admin(1, BROWSER, _HOME, Severity.INFO)


def _admin(bits: float, agent: str, ip: str, severity: Severity, *after: Rows) -> Case:
    strange = agent == _STRANGE
    how = {"factor": "sms" if strange else "webauthn", "device_new": strange}
    return case_of(
        IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
        Rows(type=T.ADMIN_ACTION, n=3, since=50, until=20, user_agent=BROWSER, country="DE"),
        Rows(type=T.ADMIN_LOGIN, since=10, ip=ip, user_agent=agent, country="BR" if ip == _FOREIGN else "DE",
             attributes=how),
        *after,
        _COLLEAGUES,
        detectors=("admin_login_surprise",), n=40, margin=bits / 8.5, subject=_U0, suspects=(ip,), severity=severity,
        observed={"bits": bits, "bits_country": 5, "bits_agent": 5 if strange else 0}, known_addresses=(_HOME,),
    )  # fmt: skip
