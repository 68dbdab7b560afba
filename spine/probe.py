"""Where a probe may go: pure rules on hosts and addresses. tasks/diagnostics/probe/guard.py holds to them.

Source: OWASP Server-Side Request Forgery Prevention; IANA special-purpose address registries (RFC 6890).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from spine.errors import Refused

HTTPS_PORT = 443
_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_GLOBAL_V6 = ip_network("2000::/3")
"""All that is given out as global unicast; mapped, compatible, translated, local and multicast lie outside."""
_SPECIAL = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # the host of every Azure machine, public by its number alone
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip
"""Networks that are nobody's server on the internet: private, local, documentation, metadata, tunnels."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host and port as the allowlist knows it, and the rest of the URL."""

    host: str
    port: int
    path: str = "/"
    """Path and query."""

    @property
    def origin(self) -> str:
        """Host and port in words; carries nothing secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"


def host_name(text: str) -> str:
    """The one spelling of a host: lower case, no dot at the end, an address as it is written canonically.

    Raises:
        Refused: it is no host, or an address in disguise (decimal, octal, hexadecimal, shortened).
    """
    name = text.lower().removesuffix(".")
    try:
        address = ip_address(name)
    except ValueError:
        address = None
    if address is not None:
        if getattr(address, "scope_id", None):
            raise Refused("probe.host", f"{text[:80]!r} has a zone, which means nothing elsewhere; name a host")
        return str(address)
    labels = name.split(".")
    if not all(_LABEL.match(label) for label in labels) or len(name) > 253:
        raise Refused("probe.host", f"{text[:80]!r} is no host name; write it in ASCII (xn--… for others)")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise Refused("probe.host", f"{text[:80]!r} is an address in disguise; write it as 192.0.2.1, or name the host")
    return name


def parse_url(url: str) -> Place:
    """Where an HTTPS URL leads.

    Raises:
        Refused: it is not plain HTTPS: another scheme, a user in it, odd characters.
    """
    if not url.isascii() or any(c <= " " or c in '\\"<>^`{|}\x7f' for c in url):
        raise Refused("probe.url", "the URL has characters that no URL has; write it percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("probe.url", "the URL cannot be parsed; write https://host/path") from error
    if parts.scheme != "https":
        raise Refused("probe.scheme", f"a probe speaks HTTPS only, this is {parts.scheme[:20]!r}; use https://")
    if "@" in parts.netloc:
        raise Refused("probe.url", "the URL names a user; credentials belong in settings, never in a URL")
    if not parts.hostname:
        raise Refused("probe.url", "the URL names no host; write https://host/path")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(host_name(parts.hostname), HTTPS_PORT if port is None else port, path)


def allowlisted(host: str, port: int, hosts: Collection[str], default_ports: Collection[int]) -> bool:
    """True when `hosts` names `host` for `port`: "host" stands for the default ports, "host:8443" for that one."""
    for entry in hosts:
        name, named_port = split_port(entry)
        if host_name(name) == host and (port == named_port if named_port is not None else port in default_ports):
            return True
    return False


def split_port(entry: str) -> tuple[str, int | None]:
    """ "host:8443" as ("host", 8443), "host" as ("host", None); an IPv6 address with a port stands in brackets."""
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, int(port.removeprefix(":")) if port else None
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, int(port)
    return entry, None


def refused_address(text: str, networks: Collection[str]) -> str | None:
    """Why no probe may connect to this address, or None when it may.

    `networks` are those that the settings name in spite of the rule. An IPv4 address inside an IPv6 one is
    refused even then: it has a plain spelling.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return f"{text[:60]!r} is no address"
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id):
        return f"{address} hides another address"
    if any(address in ip_network(network) for network in networks):
        return None
    if _public(address):
        return None
    return f"{address} is private, local, or reserved"


def _public(address: IPv4Address | IPv6Address) -> bool:
    if address in _GLOBAL_V6 or address.version == 4:
        return address.is_global and not any(address in network for network in _SPECIAL)
    return False
