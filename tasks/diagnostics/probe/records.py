"""DNS records as text. That there is none is an answer; that nobody answered is not."""

from collections.abc import Sequence

import dns.rdatatype
import dns.resolver
from dns.exception import DNSException
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from spine.diagnostic import Receipt
from spine.errors import Refused, Transient
from tasks.diagnostics.probe.guard import Guard

Found = tuple[list[str], Receipt]


async def txt(guard: Guard, name: str) -> Found:
    """The TXT records of `name`, each joined from its pieces, and a receipt.

    Raises:
        Transient: nobody answered in time, or the server failed.
        Refused: `name` is no name.
    """
    records, receipt = await _look(guard, name, "TXT")
    joined = [b"".join(r.strings).decode("utf-8", "replace") for r in records if isinstance(r, TXT)]
    return joined, receipt


async def mx(guard: Guard, name: str) -> Found:
    """The mail exchangers of `name`, preferred first, and a receipt; "" stands for "accepts no mail" (RFC 7505)."""
    records, receipt = await _look(guard, name, "MX")
    ranked = sorted((r.preference, r.exchange.to_text(omit_final_dot=True)) for r in records if isinstance(r, MX))
    return ["" if host in {".", "@"} else host.lower() for _, host in ranked], receipt


async def has_address(guard: Guard, name: str) -> bool:
    """True when `name` has an address of either kind."""
    for kind in ("A", "AAAA"):
        if (await _look(guard, name, kind))[0]:
            return True
    return False


async def _look(guard: Guard, name: str, kind: str) -> tuple[Sequence[object], Receipt]:
    async with guard.deadline(f"{kind} of {name}"):
        try:
            found = await guard.resolver.resolve(f"{name}.", kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return [], Receipt.of(f"{kind} of {name}", guard.clock.now(), b"")
        except (dns.resolver.NoNameservers, dns.exception.Timeout, dns.resolver.YXDOMAIN) as error:
            raise Transient(f"{kind} of {name}: no DNS server answers ({type(error).__name__}); try again") from error
        except DNSException as error:
            raise Refused("dns.name", f"{name[:80]!r} is no DNS name ({type(error).__name__}); correct it") from error
    records = list(found)
    text = "\n".join(sorted(record.to_text() for record in records))
    return records, Receipt.of(f"{kind} of {name}", guard.clock.now(), text.encode())
