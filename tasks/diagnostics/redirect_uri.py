"""redirect_uri: does the application send a redirect URI that is registered, character by character?

Source: OWASP ASVS 10.4.1 (exact string match); RFC 9700 4.1.3; RFC 6749 3.1.2 (no fragment).
"""

import hashlib
import re
from urllib.parse import urlsplit

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, State, Value
from spine.errors import Refused
from spine.incident import IncidentKind
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.oidc import providers

_SHA256 = re.compile(r"^[0-9a-f]{64}\Z")
_PARTS = ("scheme", "netloc", "path", "query", "fragment")
_CALLED = {"netloc": "host or port"}


async def run(question: Question, ports: Ports) -> Answer:
    """Compare what was seen with what is registered, and both with the rules; nothing is asked of anybody."""
    checks = []
    for name, provider in providers(question, ports.settings.probe).items():
        if not provider.redirect_uris:
            because = "no redirect URI is configured as registered; list them in OPSSPINE_PROBE__OIDC"
            checks.append(Check(f"{name}.registered", State.UNKNOWN, because))
            continue
        checks.append(_registered(name, provider.redirect_uris))
        if question.redirect_uris or not question.redirect_hashes:
            checks.append(_seen(name, provider.redirect_uris, question.redirect_uris))
        if question.redirect_hashes:
            checks.append(_hashed(name, provider.redirect_uris, question.redirect_hashes))
    return Answer(SPEC.key, tuple(checks))


def _registered(name: str, uris: list[str]) -> Check:
    loose = tuple(sorted(place(uri) for uri in uris if _loose(uri)))
    if loose:
        because = "a registered URI has a wildcard, a fragment or no HTTPS; register exact HTTPS URIs"
        return Check(f"{name}.registered", State.BAD, because, {"loose": loose})
    return Check(f"{name}.registered", State.OK, "every registered URI is exact and HTTPS", {"count": len(uris)})


def _seen(name: str, registered: list[str], seen: frozenset[str]) -> Check:
    if not seen:
        because = "no event names the redirect URI that was sent; send it with oauth_callback_error events"
        return Check(f"{name}.sent", State.UNKNOWN, because)
    wrong = sorted(uri for uri in seen if uri not in registered)
    if not wrong:
        return Check(f"{name}.sent", State.OK, "every URI that was sent is registered", {"count": len(seen)})
    hints = tuple(sorted({f"{place(uri)}: {difference(uri, registered)}" for uri in wrong}))
    because = "a URI that was sent is not registered; correct the client's configuration (oauth.config_rollback)"
    return Check(f"{name}.sent", State.BAD, because, {"count": len(wrong), "unregistered": hints[:20]})


def _hashed(name: str, registered: list[str], seen: frozenset[str]) -> Check:
    known = {hashlib.sha256(uri.encode()).hexdigest() for uri in registered}
    told = {text.lower() for text in seen}
    wrong = {text for text in told if _SHA256.match(text) and text not in known}
    observed: dict[str, Value] = {"count": len(told), "unregistered": len(wrong)}
    if wrong:
        because = "the hash of a URI that was sent is of no registered one; correct the client (oauth.config_rollback)"
        return Check(f"{name}.sent_hashes", State.BAD, because, observed)
    if not told <= known:
        because = "events hash the redirect URI in another way; send the SHA-256 in hexadecimal"
        return Check(f"{name}.sent_hashes", State.UNKNOWN, because, observed)
    return Check(f"{name}.sent_hashes", State.OK, "every hash that was sent is of a registered URI", observed)


def place(uri: str) -> str:
    """Where `uri` leads, without query and user, for those may carry secrets."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "an URI that cannot be parsed"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def difference(uri: str, registered: list[str]) -> str:
    """In which part `uri` differs from the registered URI that is nearest to it."""
    return min((_differs(uri, good) for good in registered), key=lambda parts: (len(parts), parts))[0]


def _differs(uri: str, good: str) -> list[str]:
    if uri.rstrip("/") == good.rstrip("/"):
        return ["slash at the end"]
    if uri.lower() == good.lower():
        return ["upper and lower case"]
    try:
        one, other = urlsplit(uri), urlsplit(good)
    except ValueError:
        return ["it cannot be parsed", "at all"]
    return [_CALLED.get(part, part) for part in _PARTS if getattr(one, part) != getattr(other, part)] or ["spelling"]


def _loose(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise Refused(
            "redirect.malformed", "a registered redirect URI cannot be parsed; correct the settings"
        ) from error
    return parts.scheme != "https" or "*" in uri or "#" in uri or not parts.hostname


SPEC = DiagnosticSpec(
    key="redirect_uri", title="Redirect URIs, sent and registered", serves=(IncidentKind.OAUTH_CALLBACK_ERRORS,)
)
DIAGNOSTIC = Diagnostic(SPEC, run)
