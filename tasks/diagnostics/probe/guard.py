"""The probe guard: the only way a diagnostic gets a connection.

Allowlisted hosts only; the host is resolved once, every address is checked, and the connection is made to a checked
address, so that a second look-up cannot lead elsewhere (DNS rebinding). One private address among public ones refuses
the host. No proxy of the environment is used. Source: RUNBOOKS 0; OWASP SSRF Prevention.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

import httpcore
from dns.asyncresolver import Resolver
from dns.exception import DNSException

from spine.clock import Clock
from spine.diagnostic import Receipt
from spine.errors import Refused, Transient
from spine.probe import HTTPS_PORT, Place, allowlisted, host_name, parse_url, refused_address
from spine.settings.probe import ProbeSettings
from tasks.diagnostics.probe.resolver import resolver

CERTIFICATE = "probe.certificate"
"""Code of the refusal of a certificate: the server answers, but nobody should believe it."""


@dataclass(frozen=True, slots=True)
class Response:
    """What an HTTPS server answered."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case; of a repeated one the last."""
    body: bytes
    receipt: Receipt


class Guard:
    """Connects probes, within the rules of `settings`.

    Every method raises Refused when a rule forbids it or the answer breaks one, and Transient when the
    other side cannot be reached or is too slow: both mean that nothing is known.
    """

    def __init__(self, settings: ProbeSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock

    @cached_property
    def resolver(self) -> Resolver:
        """The one resolver of all probes."""
        return resolver(self.settings)

    def _tls(self) -> ssl.SSLContext:
        """Trusts the system's certificates and those of the settings; always checks name and chain.

        A fresh one each time: an HTTP client writes its protocols into it, which a mail server may refuse.
        """
        context = ssl.create_default_context()
        if self.settings.ca_file is not None:
            context.load_verify_locations(self.settings.ca_file)
        return context

    @asynccontextmanager
    async def deadline(self, what: str) -> AsyncIterator[None]:
        """Bounds one whole probe, however slowly bytes drip, and says what failed in one tree of errors."""
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                yield
        except TimeoutError as error:
            seconds = self.settings.timeout_seconds
            raise Transient(f"{what} took longer than {seconds:g} s; nothing is known of it, try again") from error
        except ssl.SSLCertVerificationError as error:
            raise untrusted(what, error) from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
                raise untrusted(what, error) from error
            raise Transient(f"{what} cannot be reached ({type(error).__name__}); check that it is up") from error

    async def addresses(self, place: Place, default_ports: Collection[int]) -> tuple[str, ...]:
        """The addresses of an allowlisted host, each checked; call within a deadline."""
        if not allowlisted(place.host, place.port, self.settings.hosts, default_ports):
            raise Refused(
                "probe.host",
                f"{place.host} (port {place.port}) is not allowlisted; add it to OPSSPINE_PROBE__HOSTS if it is yours",
            )
        found = await self._resolve(place.host)
        for address in found:
            if why := refused_address(address, self.settings.networks):
                raise Refused(
                    "probe.address",
                    f"{place.host} leads to an address no probe may use: {why}. If the host is meant to be there, name "
                    "its network in OPSSPINE_PROBE__NETWORKS; if not, somebody tampered with its DNS",
                )
        return found

    async def connect(
        self, host: str, port: int, *, default_ports: Collection[int], tls: bool = False
    ) -> httpcore.AsyncNetworkStream:
        """A connection to a checked address of `host`; call within a deadline, and close it."""
        place = Place(host_name(host), port)
        stream = await _Pinned(await self.addresses(place, default_ports)).connect_tcp(place.host, port)
        return await self.secure(stream, place.host) if tls else stream

    async def secure(self, stream: httpcore.AsyncNetworkStream, host: str) -> httpcore.AsyncNetworkStream:
        """`stream` with TLS on top, the certificate checked for `host`; closes it when the check fails."""
        return await stream.start_tls(self._tls(), host_name(host))

    async def fetch(
        self,
        url: str,
        *,
        asked: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        redirects: bool = False,
    ) -> Response:
        """What the server at an HTTPS `url` answers. A redirect is never followed: it is refused, or (`redirects`) an
        answer as any other.

        `asked` names the question in the receipt, which holds the origin and no more of the URL.
        """
        place = parse_url(url)
        what = f"{asked} at {place.origin}"
        async with self.deadline(what):
            backend = _Pinned(await self.addresses(place, (HTTPS_PORT,)))
            target = httpcore.URL(scheme="https", host=place.host, port=place.port, target=place.path)
            sent = _headers(place, headers or {}, content)
            async with (
                httpcore.AsyncConnectionPool(ssl_context=self._tls(), network_backend=backend) as pool,
                pool.stream(method, target, headers=sent, content=content) as answer,
            ):
                plain = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in answer.headers}
                if 300 <= answer.status < 400 and not redirects:
                    raise Refused("probe.redirect", f"{what} redirects; probe the URL it really lives at")
                if plain.get("content-encoding", "identity").lower() != "identity":
                    raise Refused("probe.encoding", f"{what} answers compressed though asked not to; nothing was read")
                body = await self._body(answer, what)
        return Response(answer.status, plain, body, Receipt.of(what, self.clock.now(), body))

    async def _body(self, answer: httpcore.Response, what: str) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_stream():
            body += chunk
            if len(body) > self.settings.max_body_bytes:
                most = self.settings.max_body_bytes
                raise Refused("probe.body", f"{what} answers with more than {most} bytes; that is no answer to it")
        return bytes(body)

    async def _resolve(self, host: str) -> tuple[str, ...]:
        with contextlib.suppress(ValueError):
            return (str(ip_address(host)),)
        try:
            found = await self.resolver.resolve_name(f"{host}.", search=False)
        except DNSException as error:
            raise Transient(f"{host} has no address ({type(error).__name__}); check its DNS") from error
        return tuple(found.addresses())


def untrusted(what: str, error: Exception) -> Refused:
    """The refusal of a certificate that does not check."""
    cause = error if isinstance(error, ssl.SSLCertVerificationError) else error.__cause__ or error.__context__
    reason = getattr(cause, "verify_message", "") or "it does not check"
    return Refused(CERTIFICATE, f"{what} shows a certificate nobody should trust: {reason}; renew or correct it")


def _headers(place: Place, given: Mapping[str, str], content: bytes) -> list[tuple[bytes | str, bytes | str]]:
    own = {"Host": place.origin, "User-Agent": "opsspine-probe", "Accept-Encoding": "identity"}
    length = {"Content-Length": str(len(content))} if content else {}
    return [*(own | dict(given) | length).items()]


class _Pinned(httpcore.AnyIOBackend):
    """Connects to given addresses whatever host is asked for; TLS still checks the name of the host."""

    def __init__(self, addresses: Collection[str]) -> None:
        self._addresses = addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.AsyncNetworkStream:
        """A stream to the first checked address that answers."""
        failed: httpcore.ConnectError | None = None
        for address in self._addresses:
            try:
                return await super().connect_tcp(address, port, timeout, local_address)
            except httpcore.ConnectError as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")
