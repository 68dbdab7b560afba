"""Certificates of servers whose chain and name have been checked: how long they hold."""

import ssl
from datetime import UTC, datetime, timedelta

import httpcore

from spine.diagnostic import Check, State, Value
from spine.errors import Transient
from spine.settings.probe import ProbeSettings


def end_of(stream: httpcore.AsyncNetworkStream) -> tuple[datetime, bytes]:
    """When the certificate of the server of an encrypted stream ends, and its DER bytes.

    Raises:
        Transient: the handshake brought none.
    """
    tls: ssl.SSLObject = stream.get_extra_info("ssl_object")
    shown, der = tls.getpeercert(), tls.getpeercert(binary_form=True)
    if not shown or der is None:
        raise Transient("the handshake brought no certificate; try again")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC), der


def judged(name: str, ends: datetime, now: datetime, settings: ProbeSettings) -> Check:
    """BAD when the certificate ends within `certificate_days`."""
    left = ends - now
    days = round(left / timedelta(days=1), 1)
    seen: dict[str, Value] = {"not_after": ends.isoformat(), "days_left": days}
    if left < timedelta(days=settings.certificate_days):
        return Check(name, State.BAD, f"the certificate ends in {days:g} days; renew it now", seen)
    return Check(name, State.OK, f"the certificate checks and holds for {days:g} days", seen)
