"""smtp_starttls: does the mail server greet, and encrypt with a certificate that checks? Nothing is sent."""

import asyncio
from contextlib import aclosing
from datetime import datetime

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, Receipt, State
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from spine.probe import host_name, split_port
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.certificate import end_of, judged
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.smtp import Session

_PORT, _SUBMISSION, _IMPLICIT = 25, 587, 465
"""Relay, submission, and submission that is encrypted from its first byte (RFC 8314)."""


async def run(question: Question, ports: Ports) -> Answer:
    """EHLO, STARTTLS, EHLO, QUIT at each configured server."""
    servers = ports.settings.probe.mail.servers
    if not servers:
        raise Refused("smtp.none", "no mail server is configured; set OPSSPINE_PROBE__MAIL__SERVERS to look at it")
    parts = await asyncio.gather(*(_look(entry, question.now, ports) for entry in servers))
    return Answer(SPEC.key, tuple(c for checks, _ in parts for c in checks), tuple(r for _, r in parts if r))


async def _look(entry: str, now: datetime, ports: Ports) -> tuple[list[Check], Receipt | None]:
    host, port = split_port(entry)
    visit = _Visit(f"smtp.{host}", host_name(host), port or _PORT, now, ports)
    try:
        async with ports.guard.deadline(f"SMTP at {host}"):
            await visit.talk()
    except (Refused, Transient) as error:
        visit.checks.append(failed(f"{visit.name}.{visit.stage}", error))
    heard = bytes(visit.heard)
    return visit.checks, Receipt.of(f"greeting of {host}", ports.clock.now(), heard) if heard else None


class _Visit:
    """One visit to a server: what was seen so far, and at which stage it is."""

    def __init__(self, name: str, host: str, port: int, now: datetime, ports: Ports) -> None:
        self.name, self.host, self.port, self.now, self.ports = name, host, port, now, ports
        self.checks: list[Check] = []
        self.stage = "greeting"
        self.heard = bytearray()

    async def talk(self) -> None:
        """The whole conversation; ends early where going on makes no sense."""
        implicit = self.port == _IMPLICIT
        allowed = (_PORT, _SUBMISSION, _IMPLICIT)
        stream = await self.ports.guard.connect(self.host, self.port, default_ports=allowed, tls=implicit)
        async with aclosing(stream):
            session = Session(stream, self.heard)
            if not await self._greeted(session):
                return
            if not implicit:
                self.stage = "starttls"
                if not await self._willing(session):
                    return
                self.stage = "certificate"
                session = Session(await self.ports.guard.secure(stream, self.host), self.heard)
            await self._encrypted(session)

    async def _greeted(self, session: Session) -> bool:
        greeting = await session.hear()
        if greeting.code != 220:
            because = f"it greets with {greeting.code} instead of 220: it is up and takes no mail; see its log"
            self._add("greeting", State.BAD, because, greeting.code)
            return False
        self._add("greeting", State.OK, "it greets", greeting.code)
        return True

    async def _willing(self, session: Session) -> bool:
        hello = await session.command(f"EHLO {self.ports.settings.probe.mail.ehlo_name}")
        if hello.code != 250 or "STARTTLS" not in hello.extensions:
            because = "it does not offer STARTTLS; mail and passwords would go in the clear, switch it on"
            self._add("starttls", State.BAD, because, hello.code)
            return False
        ready = await session.command("STARTTLS")
        if ready.code != 220:
            because = f"it offers STARTTLS and refuses it with {ready.code}; see its log"
            self._add("starttls", State.BAD, because, ready.code)
            return False
        if session.ahead:
            because = "somebody speaks before the handshake: answers are injected on the way; find out who"
            self._add("starttls", State.BAD, because, ready.code)
            return False
        self._add("starttls", State.OK, "it starts TLS", ready.code)
        return True

    async def _encrypted(self, session: Session) -> None:
        ends, _ = end_of(session.stream)
        self.checks.append(judged(f"{self.name}.certificate", ends, self.now, self.ports.settings.probe))
        self.stage = "encrypted"
        again = await session.command(f"EHLO {self.ports.settings.probe.mail.ehlo_name}")
        if again.code != 250:
            self._add(
                "encrypted", State.BAD, f"once encrypted it answers EHLO with {again.code}; see its log", again.code
            )
            return
        self._add("encrypted", State.OK, "it greets again over TLS", again.code)
        await session.command("QUIT")

    def _add(self, what: str, state: State, because: str, code: int) -> None:
        self.checks.append(Check(f"{self.name}.{what}", state, because, {"code": code}))


SPEC = DiagnosticSpec(
    key="smtp_starttls",
    title="Greeting and STARTTLS of the mail servers",
    serves=(IncidentKind.PASSWORD_RESET_FAILURES, IncidentKind.EMAIL_VERIFICATION_FAILURES),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
