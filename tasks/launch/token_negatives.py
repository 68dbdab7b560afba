"""token_negatives: whether the application refuses tokens that it must refuse, while it takes the good one."""

import json

from joserfc.jwk import JWKRegistry, OctKey
from pydantic import SecretStr

from spine.diagnostic import Answer, Check, Receipt, State
from spine.errors import Refused, Transient
from spine.launch import Item
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Response
from tasks.diagnostics.probe.oidc import discovery
from tasks.launch import LaunchCheck, Ports, unset
from tasks.launch._token import forged, kid_of

_REFUSED = frozenset({401, 403})
_DO = "do not launch: whoever forges such a token is let in; pin algorithms, key, issuer and audience in the verifier"


async def run(ports: Ports) -> Answer:
    """Show the good token, none, and every forgery; nothing but the good one may be accepted."""
    own, name = ports.settings.launch.tokens, CHECK.item.key
    if own.url is None or own.good is None:
        return Answer(name, (unset(name, "TOKENS__URL", "TOKENS__GOOD"),))
    shown = _Shown(ports, own.url)
    if not await shown.control(own.good.get_secret_value()):
        return shown.answer
    await shown.denied("no token", None)
    pem = await shown.public_key(own.good.get_secret_value())
    for what, token in forged(own.good.get_secret_value(), pem).items():
        await shown.denied(what, token)
    await shown.given("expired", own.expired, "TOKENS__EXPIRED")
    await shown.given("wrong audience", own.wrong_audience, "TOKENS__WRONG_AUDIENCE")
    return shown.answer


class _Shown:
    """What was shown to the verifier so far, and what it said."""

    def __init__(self, ports: Ports, url: str) -> None:
        self.ports, self.url = ports, url
        self.checks: list[Check] = []
        self.receipts: list[Receipt] = []

    @property
    def answer(self) -> Answer:
        return Answer(CHECK.item.key, tuple(self.checks), tuple(self.receipts))

    async def control(self, token: str) -> bool:
        """Whether the good token is good: without that every refusal is empty."""
        answer = await self._ask("good token", token)
        if answer is None:
            return False
        good = 200 <= answer.status < 300
        because = (
            "it is accepted" if good
            else f"answered with {answer.status}, so that refusals prove nothing; renew OPSSPINE_LAUNCH__TOKENS__GOOD"
        )  # fmt: skip
        self._add("good token", State.OK if good else State.UNKNOWN, because, answer)
        return good

    async def denied(self, what: str, token: str | None) -> None:
        answer = await self._ask(what, token)
        if answer is None:
            return
        if answer.status in _REFUSED:
            self._add(what, State.OK, f"refused with {answer.status}", answer)
        elif 200 <= answer.status < 300:
            self._add(what, State.BAD, f"accepted; {_DO}", answer)
        else:
            self._add(what, State.UNKNOWN, f"answered with {answer.status}, which is no refusal; look at it", answer)

    async def given(self, what: str, token: SecretStr | None, variable: str) -> None:
        if token is None:
            self.checks.append(unset(what, variable))
        else:
            await self.denied(what, token.get_secret_value())

    async def public_key(self, token: str) -> bytes | None:
        """The public key that signed the good token, out of the issuers' key sets; else a check that says why not."""
        try:
            kid = kid_of(token)
            for name, provider in self.ports.settings.probe.oidc.items():
                document, _ = await discovery(self.ports.guard, name, provider)
                url = str(document.get("jwks_uri"))
                response = await self.ports.guard.fetch(url, asked=f"key set of {name}")
                for key in json.loads(response.body)["keys"]:
                    public = JWKRegistry.import_key(key) if key.get("kid") == kid else None
                    if public is not None and not isinstance(public, OctKey):
                        return public.as_pem(private=False)
            because = "no key set of OPSSPINE_PROBE__OIDC has the key that signed the good token; name its issuer there"
            self.checks.append(Check("public key as a secret", State.UNKNOWN, because))
        except (Refused, Transient) as error:
            self.checks.append(failed("public key as a secret", error))
        except (ValueError, KeyError, TypeError, AttributeError):
            because = "the issuer's key set cannot be read; see what it serves"
            self.checks.append(Check("public key as a secret", State.UNKNOWN, because))
        return None

    async def _ask(self, what: str, token: str | None) -> Response | None:
        headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self.ports.guard.fetch(self.url, asked=f"forgery, {what}", headers=headers, redirects=True)
        except (Refused, Transient) as error:
            self.checks.append(failed(what, error))
            return None
        self.receipts.append(answer.receipt)
        return answer

    def _add(self, what: str, state: State, because: str, answer: Response) -> None:
        self.checks.append(Check(what, state, because, {"status": answer.status, "sha256": answer.receipt.sha256}))


CHECK = LaunchCheck(
    item=Item(key="token_negatives", title="Forged tokens are refused", waivable=False),
    run=run,
    looks_at="The good token is accepted; refused are: none, alg none, no or a changed signature, changed claims, a "
    "stranger's key, a key in the header, an unknown kid, the public key used as a secret, expired, wrong audience.",
)
