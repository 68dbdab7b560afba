"""Whose request this is."""

from collections.abc import Collection
from ipaddress import ip_address

from starlette.requests import Request


def client_address(request: Request, trusted_proxies: Collection[str]) -> str:
    """The client's address: the last hop of X-Forwarded-For that a trusted proxy wrote, else the peer."""
    peer = request.client.host if request.client else "unknown"
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    while peer in trusted_proxies and hops:
        peer = hops.pop()
    try:
        return str(ip_address(peer))
    except ValueError:
        return "unknown"
