"""The DNS resolver of all probes: the one the settings name, or the system's."""

from dns.asyncresolver import Resolver
from dns.nameserver import Do53Nameserver

from spine.probe import split_port
from spine.settings.probe import ProbeSettings

_DNS_PORT = 53


def resolver(settings: ProbeSettings) -> Resolver:
    """A resolver without a cache: a diagnosis wants to see what is there now."""
    if settings.resolver is None:
        made = Resolver()
    else:
        made = Resolver(configure=False)
        host, port = split_port(settings.resolver)
        made.nameservers = [Do53Nameserver(host, port or _DNS_PORT)]
    made.lifetime = settings.timeout_seconds
    return made
