"""tls: the certificates of everything that probes talk to, and of the gateway itself."""

from contextlib import aclosing

from spine.diagnostic import Answer, Check, State
from spine.errors import Refused, Transient
from spine.launch import Item
from spine.probe import HTTPS_PORT, parse_url
from tasks.diagnostics.probe.certificate import end_of, judged
from tasks.diagnostics.probe.failure import failed
from tasks.launch import LaunchCheck, Ports, together

_GATEWAY = "gateway"


async def run(ports: Ports) -> Answer:
    """One handshake with each server; nothing is asked of it."""
    return together(CHECK.item.key, await ports.diagnosed("tls_expiry"), Answer(_GATEWAY, (await _gateway(ports),)))


async def _gateway(ports: Ports) -> Check:
    """People sign in and approve there: what they are shown must be encrypted."""
    url = ports.settings.gateway.public_url
    if url is None:
        return Check(_GATEWAY, State.UNKNOWN, "how people reach it is not set; set OPSSPINE_GATEWAY__PUBLIC_URL")
    if not url.startswith("https://"):
        because = "people reach it without TLS: codes and sessions go in the clear; put a TLS proxy before it"
        return Check(_GATEWAY, State.BAD, because)
    try:
        place = parse_url(url)
        async with ports.guard.deadline(f"TLS of {place.origin}"):
            stream = await ports.guard.connect(place.host, place.port, default_ports=(HTTPS_PORT,), tls=True)
            async with aclosing(stream):
                ends, _ = end_of(stream)
    except (Refused, Transient) as error:
        return failed(_GATEWAY, error)
    return judged(_GATEWAY, ends, ports.clock.now(), ports.settings.probe)


CHECK = LaunchCheck(
    item=Item(key="tls", title="Certificates hold"),
    run=run,
    looks_at="A handshake with every configured HTTPS server and with the gateway; none may end within 14 days.",
)
