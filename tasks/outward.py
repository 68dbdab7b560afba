"""Connections to receivers that the settings name: where a name leads is checked, and the checked address is used.

A receiver that is named by an address was meant; a *name* may be made to lead to a machine of ours by whoever holds its
DNS. So a name must lead to public addresses, or into networks that the settings allow; and link-local ones, where
clouds keep their credentials, are refused however they are written. Source: OWASP SSRF Prevention.
"""

import socket
import ssl
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpcore

from spine.errors import Broken
from spine.notification import Deferred
from spine.probe import refused_address

_LOCAL = "localhost"


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, networks: Collection[str]
) -> httpcore.Response:
    """The answer to a POST, read whole; a redirect is an answer like any other and is not followed.

    Raises:
        Broken: the URL leads where no receiver of ours is.
        Deferred: nobody answers there.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Broken("the receiver's URL cannot be parsed; write https://host/path") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Broken("the receiver's URL is neither http nor https; correct it")
    addresses = checked(host, port, networks)
    limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}
    try:
        with httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=_Pinned(addresses)
        ) as pool:
            return pool.request("POST", url, headers=list(headers.items()), content=body, extensions=limits)
    except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise Deferred(f"{host} cannot be reached: {type(error).__name__}") from error


def checked(host: str, port: int, networks: Collection[str]) -> list[str]:
    """The addresses of `host`, each allowed.

    Raises:
        Broken: one is not.
        Deferred: it has none.
    """
    try:
        literal = ip_address(host)
    except ValueError:
        literal = None
    if literal is not None or host == _LOCAL:
        if literal is not None and (literal.is_link_local or literal.is_multicast or literal.is_unspecified):
            raise Broken(f"{host} is no receiver: link-local and multicast addresses are never told anything")
        return _addresses(host, port)
    found = _addresses(host, port)
    for address in found:
        if why := refused_address(address, networks):
            raise Broken(
                f"{host} leads to an address of no receiver: {why}. If it is meant to be there, name its network in "
                "OPSSPINE_WEBHOOK__NETWORKS; if not, somebody tampered with its DNS"
            )
        if ip_address(address).is_link_local:
            raise Broken(f"{host} leads to {address}: link-local addresses are never told anything")
    return found


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Deferred(f"{host} has no address: {error.strerror or type(error).__name__}") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class _Pinned(httpcore.SyncBackend):
    """Connects to checked addresses whatever is asked for; TLS still checks the name."""

    def __init__(self, addresses: Collection[str]) -> None:
        super().__init__()
        self._addresses = addresses

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.NetworkStream:
        """A stream to the first checked address that answers."""
        failed: httpcore.ConnectError | None = None
        for address in self._addresses:
            try:
                return super().connect_tcp(address, port, timeout, local_address)
            except httpcore.ConnectError as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")
