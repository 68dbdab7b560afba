"""tls_expiry: do the certificates of the configured HTTPS servers check, and for how long?"""

import asyncio
from contextlib import aclosing
from datetime import datetime

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, Receipt
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from spine.probe import HTTPS_PORT, Place, parse_url
from spine.settings.probe import ProbeSettings
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.certificate import end_of, judged
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Guard


async def run(question: Question, ports: Ports) -> Answer:
    """One TLS handshake with each server; nothing is asked of it."""
    places, unread = _places(question, ports.settings.probe)
    if not places and not unread:
        raise Refused("tls.none", "no HTTPS server is configured; set OPSSPINE_PROBE__OIDC or …__ISOLATION__READ_URL")
    ordered = sorted(places, key=lambda place: place.origin)
    parts = await asyncio.gather(*(_look(place, ports, question.now) for place in ordered))
    return Answer(SPEC.key, (*unread, *(c for c, _ in parts)), tuple(receipt for _, receipt in parts if receipt))


def _places(question: Question, settings: ProbeSettings) -> tuple[set[Place], list[Check]]:
    """Each host and port once, and a check for each URL that leads nowhere."""
    asked = [p for n, p in settings.oidc.items() if not question.providers or n in question.providers]
    urls = [url for p in asked for url in (p.issuer, *p.endpoints.values(), *p.verifiers.values())]
    isolation = settings.isolation
    urls += [url for url in (isolation.own_url, isolation.read_url, isolation.list_url, isolation.write_url) if url]
    places, unread = set(), []
    for number, url in enumerate(urls, 1):
        try:
            place = parse_url(url)
        except Refused as error:
            unread.append(failed(f"tls.url_{number}", error))
        else:
            places.add(Place(place.host, place.port))
    return places, unread


async def _look(place: Place, ports: Ports, now: datetime) -> tuple[Check, Receipt | None]:
    name = f"tls.{place.origin}"
    try:
        ends, der = await certificate(ports.guard, place)
    except (Refused, Transient) as error:
        return failed(name, error), None
    receipt = Receipt.of(f"certificate of {place.origin}", ports.clock.now(), der)
    return judged(name, ends, now, ports.settings.probe), receipt


async def certificate(guard: Guard, place: Place) -> tuple[datetime, bytes]:
    """When the server's checked certificate ends, and the certificate.

    Raises:
        Refused, Transient: as Guard; its code is CERTIFICATE when the certificate does not check.
    """
    async with guard.deadline(f"TLS of {place.origin}"):
        stream = await guard.connect(place.host, place.port, default_ports=(HTTPS_PORT,), tls=True)
        async with aclosing(stream):
            return end_of(stream)


SPEC = DiagnosticSpec(
    key="tls_expiry",
    title="Certificates of HTTPS servers",
    serves=(
        IncidentKind.PASSWORD_RESET_FAILURES,
        IncidentKind.OAUTH_CALLBACK_ERRORS,
        IncidentKind.JWT_VALIDATION_ERRORS,
        IncidentKind.EMAIL_VERIFICATION_FAILURES,
    ),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
