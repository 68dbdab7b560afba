"""tenant_isolation: can synthetic tenant A, or anybody, see or change what belongs to synthetic tenant B?

One canary in one answer confirms a leak. Denied is only what a server says is denied: 403 or 404, and 401 to those who
show no token. Everything else is unknown. B must see its own canary and A must be let in to what is A's: without that,
silence proves nothing. Source: RUNBOOKS 2.5, OWASP Multi-Tenant Security.
"""

from dataclasses import dataclass, field

from pydantic import SecretStr

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, Receipt, State, Value
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from spine.settings.probe import IsolationSettings
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Guard, Response

_DENIED = frozenset({403, 404})
_ANONYMOUS = _DENIED | {401}
_WRITTEN = b'{"written_by": "the isolation probe of tenant A"}'


async def run(question: Question, ports: Ports) -> Answer:
    """Read, list and write as A, read without a token; each beside the same as B."""
    matrix = _Matrix.of(ports)
    read, listed = matrix.read_url, matrix.settings.list_url
    if not await matrix.control("read", read):
        because = "B does not see its own canary, so that A does not see it proves nothing; mend the canary first"
        checks = [*matrix.checks, *(Check(n, State.UNKNOWN, because) for n in ("read", "anonymous", "list", "write"))]
        return Answer(SPEC.key, tuple(checks), tuple(matrix.receipts))
    await matrix.alive()
    await matrix.denied("read", read, matrix.token_a)
    await matrix.denied("anonymous", read, None)
    if listed is None:
        matrix.checks.append(_unset("list", "LIST_URL"))
    elif await matrix.control("list", listed):
        await matrix.hidden("list", listed)
    await matrix.write()
    return Answer(SPEC.key, tuple(matrix.checks), tuple(matrix.receipts))


@dataclass
class _Matrix:
    """What was tried so far."""

    guard: Guard
    settings: IsolationSettings
    token_a: SecretStr
    token_b: SecretStr
    canary: bytes
    read_url: str
    checks: list[Check] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    @classmethod
    def of(cls, ports: Ports) -> "_Matrix":
        """Ready to try.

        Raises:
            Refused: the synthetic tenants are not configured.
        """
        own = ports.settings.probe.isolation
        if own.token_a is None or own.token_b is None or own.canary is None or own.read_url is None:
            raise Refused(
                "isolation.none",
                "the synthetic tenants are not configured; set TOKEN_A, TOKEN_B, CANARY and READ_URL under "
                "OPSSPINE_PROBE__ISOLATION__",
            )
        if own.token_a.get_secret_value() == own.token_b.get_secret_value():
            raise Refused("isolation.same", "TOKEN_A and TOKEN_B are the same; give each synthetic tenant its own")
        return cls(ports.guard, own, own.token_a, own.token_b, own.canary.get_secret_value().encode(), own.read_url)

    async def control(self, what: str, url: str) -> bool:
        """Whether B sees its canary."""
        name = f"control.{what}"
        answer = await self._ask(name, url, self.token_b)
        if answer is None:
            return False
        seen = answer.status == 200 and self._shows(answer)
        because = "B sees its own canary" if seen else f"B gets {answer.status} without its canary; see token and URL"
        self._add(name, State.OK if seen else State.UNKNOWN, because, answer)
        return seen

    async def alive(self) -> None:
        """Whether A is let in to something of its own."""
        if self.settings.own_url is None:
            self.checks.append(_unset("control.own", "OWN_URL"))
            return
        answer = await self._ask("control.own", self.settings.own_url, self.token_a)
        if answer is not None and not self._leaked("control.own", answer):
            alive = answer.status == 200
            because = "A's token works" if alive else f"A gets {answer.status} for what is its own; see its token"
            self._add("control.own", State.OK if alive else State.UNKNOWN, because, answer)

    async def denied(self, name: str, url: str, token: SecretStr | None) -> None:
        """Whether the object is refused to whoever holds `token`."""
        answer = await self._ask(name, url, token)
        if answer is None or self._leaked(name, answer):
            return
        if answer.status in (_ANONYMOUS if token is None else _DENIED):
            self._add(name, State.OK, f"refused with {answer.status}", answer)
        else:
            because = f"answered with {answer.status}, without the canary: neither denied nor shown; look at it"
            self._add(name, State.UNKNOWN, because, answer)

    async def hidden(self, name: str, url: str) -> None:
        """Whether a list that A may well see leaves B's object out."""
        answer = await self._ask(name, url, self.token_a)
        if answer is None or self._leaked(name, answer):
            return
        if answer.status == 200 or answer.status in _DENIED:
            self._add(name, State.OK, "A's list is without B's canary", answer)
        else:
            self._add(name, State.UNKNOWN, f"answered with {answer.status}; ask again, then see its log", answer)

    async def write(self) -> None:
        """Whether A's attempt to overwrite B's object is refused, and B's canary still there after it."""
        url = self.settings.write_url
        if url is None:
            self.checks.append(_unset("write", "WRITE_URL"))
            return
        answer = await self._ask("write", url, self.token_a, method="PUT")
        after = await self._ask("write.after", self.read_url, self.token_b)
        if after is not None and after.status in {200, 404} and not self._shows(after):
            self._add("write.after", State.BAD, "B's canary is gone after A wrote: A changed B's data", after)
        elif after is not None:
            kept = State.OK if after.status == 200 else State.UNKNOWN
            self._add("write.after", kept, f"B reads with {after.status} after A's attempt", after)
        if answer is None or self._leaked("write", answer):
            return
        if answer.status in _DENIED:
            self._add("write", State.OK, f"refused with {answer.status}", answer)
        elif 200 <= answer.status < 300:
            self._add("write", State.BAD, "A's write to B was accepted; contain it (tenant.deny_cross)", answer)
        else:
            self._add("write", State.UNKNOWN, f"answered with {answer.status}; that is no refusal of A", answer)

    async def _ask(self, name: str, url: str, token: SecretStr | None, *, method: str = "GET") -> Response | None:
        """The answer, or None with a check that says why there is none."""
        headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        content = _WRITTEN if method == "PUT" else b""
        if content:
            headers["Content-Type"] = "application/json"
        try:
            answer = await self.guard.fetch(
                url, asked=f"isolation {name}", method=method, headers=headers, content=content
            )
        except (Refused, Transient) as error:
            self.checks.append(failed(name, error))
            return None
        self.receipts.append(answer.receipt)
        return answer

    def _leaked(self, name: str, answer: Response) -> bool:
        if self._shows(answer):
            because = "B's canary came back: tenants are not isolated; contain it (tenant.deny_cross), page"
            self._add(name, State.BAD, because, answer)
            return True
        return False

    def _shows(self, answer: Response) -> bool:
        return self.canary in answer.body or any(self.canary in v.encode("latin-1") for v in answer.headers.values())

    def _add(self, name: str, state: State, because: str, answer: Response) -> None:
        seen: dict[str, Value] = {"status": answer.status, "sha256": answer.receipt.sha256}
        self.checks.append(Check(name, state, because, seen))


def _unset(name: str, variable: str) -> Check:
    return Check(name, State.UNKNOWN, f"no URL is configured for it; set OPSSPINE_PROBE__ISOLATION__{variable}")


SPEC = DiagnosticSpec(
    key="tenant_isolation", title="A/B probe of tenant isolation", serves=(IncidentKind.TENANT_LEAK_RISK,)
)
DIAGNOSTIC = Diagnostic(SPEC, run)
