"""Documents of identity providers: discovery and key sets, read without believing them.

Source: OpenID Connect Discovery 1.0 section 4; RFC 7517 (JWK), RFC 7638 (thumbprints).
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spine.diagnostic import Question
from spine.errors import Refused
from spine.settings.probe import OidcSettings, ProbeSettings
from tasks.diagnostics.probe.guard import Guard, Response

_THUMBPRINT = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
"""Members a thumbprint is made of, by key type. Source: RFC 7638 3.2, RFC 8037 2."""
_LONGEST_KID = 200
STATUS = "oidc.status"
"""Code of the refusal of an answer that is not 200: the provider is there, and fails."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """Public keys somebody holds."""

    thumbprints: Mapping[str, str]
    """By key id. Keys without a printable id, and symmetric ones, are left out."""
    repeated: tuple[str, ...]
    """Key ids that stand for more than one key."""
    response: Response

    @property
    def kids(self) -> frozenset[str]:
        """The key ids."""
        return frozenset(self.thumbprints)


def providers(question: Question, settings: ProbeSettings) -> dict[str, OidcSettings]:
    """The providers that are asked about.

    Raises:
        Refused: the settings name none of them.
    """
    found = {n: p for n, p in sorted(settings.oidc.items()) if not question.providers or n in question.providers}
    if not found:
        raise Refused("oidc.none", "no identity provider is configured; set OPSSPINE_PROBE__OIDC to look at it")
    return found


async def discovery(guard: Guard, name: str, provider: OidcSettings) -> tuple[dict[str, Any], Response]:
    """The discovery document of a provider.

    Raises:
        Refused, Transient: as `Guard.fetch`; or the answer is no such document.
    """
    url = provider.issuer.removesuffix("/") + "/.well-known/openid-configuration"
    response = await guard.fetch(url, asked=f"discovery document of {name}")
    return _document(response), response


async def key_set(guard: Guard, url: str, *, asked: str) -> KeySet:
    """The key set at `url`.

    Raises:
        Refused, Transient: as `Guard.fetch`; or the answer is no key set.
    """
    response = await guard.fetch(url, asked=asked)
    keys = _document(response).get("keys")
    if not isinstance(keys, list):
        raise Refused("oidc.document", f"{response.receipt.asked}: the answer has no list of keys (RFC 7517)")
    found: dict[str, str] = {}
    repeated: set[str] = set()
    for key in keys:
        kid, print_ = _kid(key), _thumbprint(key)
        if kid is None or print_ is None:
            continue
        if found.setdefault(kid, print_) != print_:
            repeated.add(kid)
    return KeySet(found, tuple(sorted(repeated)), response)


def _document(response: Response) -> dict[str, Any]:
    asked = response.receipt.asked
    if response.status != 200:
        raise Refused(STATUS, f"{asked}: it answers with status {response.status}; ask its owner, or its status page")
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise Refused("oidc.document", f"{asked}: the answer is no JSON; see what is served there") from error
    if not isinstance(found, dict):
        raise Refused("oidc.document", f"{asked}: the answer is no JSON object; see what is served there")
    return found


def _kid(key: object) -> str | None:
    kid = key.get("kid") if isinstance(key, dict) else None
    return kid if isinstance(kid, str) and kid.isprintable() and 0 < len(kid) <= _LONGEST_KID else None


def _thumbprint(key: object) -> str | None:
    if not isinstance(key, dict):
        return None
    members = _THUMBPRINT.get(str(key.get("kty")))
    if members is None or not all(isinstance(key.get(member), str) for member in members):
        return None
    canonical = json.dumps({m: key[m] for m in members}, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
