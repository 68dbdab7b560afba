"""revocation: a session that was ended works no more."""

import asyncio
import json
import time

from spine.diagnostic import Answer, Check, Receipt, State
from spine.errors import Refused, Transient
from spine.launch import Item
from spine.settings.launch import RevocationSettings
from tasks.diagnostics.probe.failure import failed
from tasks.launch import LaunchCheck, Ports, unset

_LOOK_SECONDS = 1.0
_JSON = {"Content-Type": "application/json", "Accept": "application/json", "Cache-Control": "no-cache"}


async def run(ports: Ports) -> Answer:
    """Sign in, use the session, end it, and use it again until it is refused."""
    own = ports.settings.launch.revocation
    if own.login_url is None or own.login_body is None or own.use_url is None or own.revoke_url is None:
        wanted = (f"REVOCATION__{name}" for name in ("LOGIN_URL", "LOGIN_BODY", "USE_URL", "REVOKE_URL"))
        return Answer(CHECK.item.key, (unset("revocation", *wanted),))
    session = _Session(ports, own)
    try:
        await session.play(own.login_url, own.login_body.get_secret_value(), own.use_url, own.revoke_url)
    except (Refused, Transient) as error:
        session.checks.append(failed("revocation", error))
    return Answer(CHECK.item.key, tuple(session.checks), tuple(session.receipts))


class _Session:
    """One synthetic session, from its beginning to its end."""

    def __init__(self, ports: Ports, own: RevocationSettings) -> None:
        self.ports, self.own = ports, own
        self.checks: list[Check] = []
        self.receipts: list[Receipt] = []
        self.token = ""

    async def play(self, login: str, body: str, use: str, revoke: str) -> None:
        if not await self._signed_in(login, body):
            return
        status = await self._ask("use of the session", use)
        if not 200 <= status < 300:
            self._add("use", State.UNKNOWN, f"answered with {status} while the session is good; see USE_URL", status)
            return
        self._add("use", State.OK, "the session works", status)
        status = await self._ask("revocation", revoke, method="POST")
        if not 200 <= status < 300:
            self._add("revoke", State.BAD, f"ending the session is answered with {status}; see REVOKE_URL", status)
            return
        self._add("revoke", State.OK, "it was ended", status)
        await self._ends(use)

    async def _signed_in(self, login: str, body: str) -> bool:
        answer = await self.ports.guard.fetch(
            login, asked="sign-in of the synthetic user", method="POST", headers=_JSON, content=body.encode()
        )
        try:
            found = json.loads(answer.body)
            self.token = found[self.own.token_field] if 200 <= answer.status < 300 else ""
        except (ValueError, KeyError, TypeError):
            self.token = ""
        if isinstance(self.token, str) and self.token and self.token.isascii() and self.token.isprintable():
            self._add("sign-in", State.OK, "the synthetic user is signed in", answer.status)
            return True
        because = (
            f"answered with {answer.status} and no {self.own.token_field}: nothing to revoke; see LOGIN_URL, LOGIN_BODY"
        )
        self._add("sign-in", State.UNKNOWN, because, answer.status)
        return False

    async def _ends(self, use: str) -> None:
        began, most = time.monotonic(), self.own.max_seconds
        while True:
            status = await self._ask("use of the ended session", use)
            took = time.monotonic() - began
            if status in (401, 403):
                self._add("refused", State.OK, f"refused with {status} after {took:.1f} s", status)
                return
            if took >= most:
                because = (
                    f"the ended session still works after {most:g} s: who stole it stays in; see how it is checked"
                )
                self._add("refused", State.BAD, because, status)
                return
            await asyncio.sleep(min(_LOOK_SECONDS, max(most - took, 0.05)))

    async def _ask(self, what: str, url: str, *, method: str = "GET") -> int:
        headers = {**_JSON, "Authorization": f"Bearer {self.token}"}
        answer = await self.ports.guard.fetch(
            url, asked=what, method=method, headers=headers, content=b"{}" if method == "POST" else b"", redirects=True
        )
        self.receipts.append(answer.receipt)
        return answer.status

    def _add(self, name: str, state: State, because: str, status: int) -> None:
        self.checks.append(Check(name, state, because, {"status": status}))


CHECK = LaunchCheck(
    item=Item(key="revocation", title="An ended session works no more", waivable=True),
    run=run,
    looks_at="A synthetic user signs in, the session is used, ended, and must be refused within 60 seconds.",
)
