"""oidc_discovery: does the provider's discovery document still say what it said when all was well?"""

import asyncio
from typing import Any

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, Receipt, State
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from spine.settings.probe import OidcSettings
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.oidc import STATUS, discovery, providers

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
"""Endpoints every code flow needs. Source: OpenID Connect Discovery 1.0 section 3."""


async def run(question: Question, ports: Ports) -> Answer:
    """Fetch each provider's document; compare issuer and endpoints with the settings, character by character."""
    asked = providers(question, ports.settings.probe).items()
    parts = await asyncio.gather(*(_look(name, provider, ports) for name, provider in asked))
    checks = tuple(check for found, _ in parts for check in found)
    return Answer(SPEC.key, checks, tuple(receipt for _, receipts in parts for receipt in receipts))


async def _look(name: str, provider: OidcSettings, ports: Ports) -> tuple[list[Check], list[Receipt]]:
    try:
        document, response = await discovery(ports.guard, name, provider)
    except Refused as error:
        if error.code == STATUS:
            return [Check(f"{name}.document", State.BAD, str(error))], []
        return [failed(f"{name}.document", error)], []
    except Transient as error:
        return [failed(f"{name}.document", error)], []
    checks = [
        Check(f"{name}.document", State.OK, "the document is there, over a certificate that checks"),
        _issuer(name, provider, document),
        _required(name, document),
        _endpoints(name, provider, document),
    ]
    return checks, [response.receipt]


def _issuer(name: str, provider: OidcSettings, document: dict[str, Any]) -> Check:
    """Source: OWASP ASVS 10.5.3, the issuer matches exactly."""
    said = document.get("issuer")
    same = said == provider.issuer
    because = (
        "the issuer is the configured one, character by character"
        if same
        else "the document names another issuer than the settings; no token of it may be accepted, ask the provider"
    )
    seen = {"issuer": ascii(said)[:200], "configured": provider.issuer}
    return Check(f"{name}.issuer", State.OK if same else State.BAD, because, seen)


def _required(name: str, document: dict[str, Any]) -> Check:
    lacking = tuple(e for e in _ENDPOINTS if not str(document.get(e, "")).startswith("https://"))
    because = f"it lacks {', '.join(lacking)} over HTTPS; sign-in fails there" if lacking else "all of them are there"
    return Check(f"{name}.required", State.BAD if lacking else State.OK, because, {"lacking": lacking})


def _endpoints(name: str, provider: OidcSettings, document: dict[str, Any]) -> Check:
    if not provider.endpoints:
        because = "no known good endpoints are configured; note them in OPSSPINE_PROBE__OIDC while all is well"
        return Check(f"{name}.endpoints", State.UNKNOWN, because)
    moved = tuple(sorted(k for k, good in provider.endpoints.items() if document.get(k) != good))
    because = (
        f"{', '.join(moved)} moved; ask the provider, and correct the client before the old ones end"
        if moved
        else "all endpoints are the known good ones"
    )
    return Check(f"{name}.endpoints", State.BAD if moved else State.OK, because, {"moved": moved})


SPEC = DiagnosticSpec(
    key="oidc_discovery",
    title="Discovery document of the identity providers",
    serves=(IncidentKind.FAILED_LOGINS_SPIKE, IncidentKind.OAUTH_CALLBACK_ERRORS, IncidentKind.JWT_VALIDATION_ERRORS),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
