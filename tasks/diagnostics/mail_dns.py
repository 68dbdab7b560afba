"""mail_dns: would other mail servers believe mail of our domain? MX, SPF, DKIM, DMARC.

Source: RFC 5321 and 7505 (MX), 7208 (SPF), 6376 and 8301 (DKIM), 7489 (DMARC); RUNBOOKS 2.2.
"""

import base64
import re
from collections.abc import Awaitable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, Receipt, State, Value
from spine.errors import Refused, Transient
from spine.incident import IncidentKind
from spine.probe import host_name
from spine.settings.probe import MailSettings
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Guard
from tasks.diagnostics.probe.records import has_address, mx, txt
from tasks.diagnostics.probe.spf import MOST_LOOKUPS, walk

_LEAST_BITS = 1024
"""Verifiers must take no shorter RSA key for valid. Source: RFC 8301 3.2."""
_OPEN = ("all", "+all", "?all")
Found = tuple[Check, list[Receipt]]


async def run(question: Question, ports: Ports) -> Answer:
    """Look the records up, one kind after the other."""
    mail, guard = ports.settings.probe.mail, ports.guard
    if mail.domain is None:
        raise Refused("mail.none", "no mail domain is configured; set OPSSPINE_PROBE__MAIL__DOMAIN to look at it")
    domain = host_name(mail.domain)
    parts = [
        await _part("mx", _mx(guard, domain)),
        await _part("spf", _spf(guard, domain, mail)),
        *[await _part(f"dkim.{s}", _dkim(guard, s, domain)) for s in mail.dkim_selectors],
        await _part("dmarc", _dmarc(guard, domain)),
    ]
    if not mail.dkim_selectors:
        because = "no DKIM selector is configured; list those that senders use in OPSSPINE_PROBE__MAIL__DKIM_SELECTORS"
        parts.append((Check("dkim", State.UNKNOWN, because), []))
    return Answer(SPEC.key, tuple(check for check, _ in parts), tuple(r for _, receipts in parts for r in receipts))


async def _part(name: str, looking: Awaitable[Found]) -> Found:
    try:
        return await looking
    except (Refused, Transient) as error:
        return failed(name, error), []


async def _mx(guard: Guard, domain: str) -> Found:
    hosts, receipt = await mx(guard, domain)
    seen: dict[str, Value] = {"hosts": tuple(hosts)}
    if not any(hosts):
        because = "the domain accepts no mail, so bounces and replies are lost; publish its MX records"
        return Check("mx", State.BAD, because, seen), [receipt]
    nowhere = tuple([host for host in hosts if host and not await has_address(guard, host)])
    if nowhere:
        because = "a mail exchanger has no address; correct the MX records or its DNS"
        return Check("mx", State.BAD, because, {**seen, "without_address": nowhere}), [receipt]
    return Check("mx", State.OK, f"{len(hosts)} mail exchangers, all with an address", seen), [receipt]


async def _spf(guard: Guard, domain: str, mail: MailSettings) -> Found:
    found = await walk(guard, domain)
    lacking = tuple(sorted({host_name(d) for d in mail.spf_must_include} - found.includes))
    seen: dict[str, Value] = {"lookups": found.lookups, "includes": tuple(sorted(found.includes)), "all": found.last}
    if found.problems:
        because = f"{found.problems[0]}; receivers treat it as an error"
    elif found.lookups > MOST_LOOKUPS:
        because = f"it costs more than {MOST_LOOKUPS} look-ups, which receivers treat as an error; include fewer"
    elif lacking:
        because = f"it does not include {', '.join(lacking)}; mail of that sender fails SPF"
    elif found.last in _OPEN:
        because = f"it ends in {found.last} and lets anybody send; end it in -all or ~all"
    else:
        return Check("spf", State.OK, f"one record, {found.lookups} look-ups", seen), found.receipts
    return Check("spf", State.BAD, because, seen), found.receipts


async def _dkim(guard: Guard, selector: str, domain: str) -> Found:
    name = f"dkim.{selector}"
    records, receipt = await txt(guard, f"{selector}._domainkey.{domain}")
    keys = [tags for tags in map(_tags, records) if "p" in tags]
    if len(keys) != 1:
        because = f"{len(keys)} keys are published for it, where one must be; mail signed with it fails DKIM"
        return Check(name, State.BAD, because, {"keys": len(keys)}), [receipt]
    because, bits = _key_fault(keys[0])
    seen: dict[str, Value] = {"type": keys[0].get("k", "rsa")[:20], "bits": bits}
    if because:
        return Check(name, State.BAD, because, seen), [receipt]
    return Check(name, State.OK, "one usable key is published", seen), [receipt]


def _key_fault(tags: dict[str, str]) -> tuple[str, int]:
    """What is wrong with a published key ("" = nothing), and its length in bits where that matters."""
    material = re.sub(r"\s", "", tags["p"])
    if not material:
        return "its key is revoked (empty p=); sign with another selector, or publish it again", 0
    if tags.get("k", "rsa") == "ed25519":
        fine = len(_decoded(material)) == 32
        return ("" if fine else "its Ed25519 key has not 32 bytes; publish it again", 256 if fine else 0)
    try:
        key = load_der_public_key(_decoded(material))
    except (ValueError, UnsupportedAlgorithm):
        return "its key cannot be read; publish it again", 0
    if not isinstance(key, RSAPublicKey):
        return "its key is no RSA key, though it says so; publish it again", 0
    short = key.key_size < _LEAST_BITS
    return ("its RSA key is shorter than 1024 bits and counts as none; publish 2048" if short else ""), key.key_size


def _decoded(material: str) -> bytes:
    try:
        return base64.b64decode(material, validate=True)
    except ValueError:
        return b""


async def _dmarc(guard: Guard, domain: str) -> Found:
    """The record of the domain, or of the nearest parent that has one."""
    labels, receipts = domain.split("."), []
    for start in range(max(len(labels) - 1, 1)):
        owner = ".".join(labels[start:])
        records, receipt = await txt(guard, f"_dmarc.{owner}")
        receipts.append(receipt)
        own = [tags for tags in map(_tags, records) if tags.get("v") == "DMARC1"]
        if own:
            return _policy(owner, own), receipts
    because = "there is no DMARC record; large receivers refuse bulk mail without one, publish at least p=none"
    return Check("dmarc", State.BAD, because), receipts


def _policy(owner: str, records: list[dict[str, str]]) -> Check:
    policy = records[0].get("p", "")
    seen: dict[str, Value] = {"at": owner, "policy": policy[:20], "records": len(records)}
    if len(records) > 1 or policy not in {"none", "quarantine", "reject"}:
        because = "the DMARC record is not one with p=none, quarantine or reject; receivers ignore it, correct it"
        return Check("dmarc", State.BAD, because, seen)
    return Check("dmarc", State.OK, f"DMARC says p={policy}", seen)


def _tags(record: str) -> dict[str, str]:
    """ "v=DMARC1; p=none" as {"v": "DMARC1", "p": "none"}."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in pairs if sign}


SPEC = DiagnosticSpec(
    key="mail_dns",
    title="MX, SPF, DKIM and DMARC of the mail domain",
    serves=(IncidentKind.PASSWORD_RESET_FAILURES, IncidentKind.EMAIL_VERIFICATION_FAILURES),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
