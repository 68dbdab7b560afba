"""jwks_comparison: do verifiers and caches hold the keys that the provider signs with?

Three faults look alike from outside and have different cures: a key the origin has and a verifier lacks (refresh), a
key the origin dropped too early (overlap), and a cache that serves an old set (purge). Source: RUNBOOKS 2.4.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, Receipt, State
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from spine.settings.probe import OidcSettings
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Response
from tasks.diagnostics.probe.oidc import KeySet, discovery, key_set, providers

_MOST = 50
"""Key ids told in one check; a key set of more is a fault of its own."""
_MAX_AGE = re.compile(r"(?:^|[\s,])(?:s-maxage|max-age)\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


@dataclass
class _Look:
    """What was found out about one provider so far."""

    name: str
    checks: list[Check] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    def add(self, name: str, state: State, because: str, **observed: str | int | tuple[str, ...]) -> None:
        seen = {k: v[:_MOST] if isinstance(v, tuple) else v for k, v in observed.items()}
        self.checks.append(Check(f"{self.name}.{name}", state, because, seen))


async def run(question: Question, ports: Ports) -> Answer:
    """Read the key set at each origin and at each verifier, and compare them."""
    asked = providers(question, ports.settings.probe).items()
    looks = await asyncio.gather(*(_provider(name, provider, question, ports) for name, provider in asked))
    return Answer(
        SPEC.key, tuple(c for one in looks for c in one.checks), tuple(r for one in looks for r in one.receipts)
    )


async def _provider(name: str, provider: OidcSettings, question: Question, ports: Ports) -> _Look:
    look = _Look(name)
    try:
        document, _ = await discovery(ports.guard, name, provider)
        origin = await key_set(ports.guard, str(document.get("jwks_uri")), asked=f"key set of {name}")
    except (Refused, Transient) as error:
        look.checks.append(failed(f"{name}.origin", error))
        return look
    look.receipts.append(origin.response.receipt)
    _origin(look, origin)
    _freshness(look, "origin", origin.response)
    held = await _verifiers(look, provider, origin, ports)
    for verifier, kids in sorted(question.cached_kids.items()):
        _compare(look, f"reported.{verifier}", origin.kids, kids)
    _rejected(look, origin.kids, {**held, **question.cached_kids}, question.rejected_kids)
    return look


async def _verifiers(look: _Look, provider: OidcSettings, origin: KeySet, ports: Ports) -> Mapping[str, frozenset[str]]:
    """Compare each verifier's set with the origin's; the key ids of those that could be read."""
    held: dict[str, frozenset[str]] = {}
    for name, url in sorted(provider.verifiers.items()):
        try:
            found = await key_set(ports.guard, url, asked=f"key set that {name} holds")
        except (Refused, Transient) as error:
            look.checks.append(failed(f"{look.name}.verifier.{name}", error))
            continue
        look.receipts.append(found.response.receipt)
        held[name] = found.kids
        _compare(look, f"verifier.{name}", origin.kids, found.kids)
        _freshness(look, f"verifier.{name}", found.response)
        swapped = tuple(sorted(k for k in origin.kids & found.kids if origin.thumbprints[k] != found.thumbprints[k]))
        if swapped:
            because = "the same key id stands for another key than at the origin; treat the verifier's as forged"
            look.add(f"verifier.{name}.material", State.BAD, because, kids=swapped)
    if not held and not provider.verifiers:
        look.add("verifiers", State.UNKNOWN, "no verifier shows its keys; name their URLs in OPSSPINE_PROBE__OIDC")
    return held


def _origin(look: _Look, origin: KeySet) -> None:
    kids = tuple(sorted(origin.kids))
    if origin.repeated:
        look.add("origin", State.BAD, "one key id stands for several keys; ask the provider", kids=origin.repeated)
    elif not kids:
        look.add("origin", State.BAD, "the origin shows no public key with an id; no token can be checked")
    else:
        look.add("origin", State.OK, f"the origin shows {len(kids)} keys", kids=kids)


def _compare(look: _Look, name: str, origin: frozenset[str], held: frozenset[str]) -> None:
    lacking, extra = tuple(sorted(origin - held)), tuple(sorted(held - origin))
    common = len(origin & held)
    if lacking:
        state, because = State.BAD, "it lacks keys of the origin, and refuses good tokens; refresh it (jwks.refresh)"
    elif extra:
        state, because = State.OK, "it has all keys of the origin, and still accepts some that the origin dropped"
    else:
        state, because = State.OK, "it has the keys of the origin and no others"
    look.add(name, state, because, lacking=lacking, extra=extra, common=common)


def _rejected(
    look: _Look, origin: frozenset[str], held: Mapping[str, frozenset[str]], rejected: frozenset[str]
) -> None:
    """Why tokens with these key ids are refused."""
    if not rejected:
        return
    cached = frozenset().union(*held.values())
    stale = tuple(sorted(k for k in rejected & origin if any(k not in kids for kids in held.values())))
    early = tuple(sorted((rejected & cached) - origin))
    unexplained = tuple(sorted((rejected & origin) - set(stale)))
    nowhere = rejected - origin - cached
    if stale:
        look.add("rejected.uncached", State.BAD, "the origin has them, a verifier does not: jwks.refresh", kids=stale)
    if early:
        because = "the origin dropped them, and tokens of them live: jwt.kid_overlap, unless they are compromised"
        look.add("rejected.dropped", State.BAD, because, kids=early)
    if unexplained:
        because = "origin and known verifiers have them; ask the verifier that refuses them what it holds"
        look.add("rejected.unexplained", State.UNKNOWN, because, kids=unexplained)
    if nowhere:
        because = "neither origin nor verifiers know them: forged, of another issuer, or dropped before this look"
        look.add("rejected.nowhere", State.UNKNOWN, because, count=len(nowhere))


def _freshness(look: _Look, name: str, response: Response) -> None:
    """`Age` beyond what `Cache-Control` allows is a cache that serves old keys. Source: RFC 9111 4.2, 5.1."""
    found = _MAX_AGE.search(response.headers.get("cache-control", ""))
    age = response.headers.get("age", "0").strip()
    if found is None or not (age.isascii() and age.isdigit()):
        because = "it does not say how long its keys may be kept; a rotation shorter than the cache breaks sign-in"
        look.add(f"{name}.freshness", State.UNKNOWN, because)
        return
    old, most = int(age[:9]), int(found[1])
    state, because = State.OK, "it is as fresh as it says"
    if old > most:
        state, because = State.BAD, "a cache serves it longer than allowed; purge that cache, then look again"
    look.add(f"{name}.freshness", state, because, age_seconds=old, max_age_seconds=most)


SPEC = DiagnosticSpec(
    key="jwks_comparison",
    title="Signing keys at the origin and at verifiers",
    serves=(IncidentKind.OAUTH_CALLBACK_ERRORS, IncidentKind.JWT_VALIDATION_ERRORS),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
