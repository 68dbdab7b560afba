"""The guard against real servers: what it reaches, and what it never touches."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse

from spine.errors import Refused, Transient
from spine.settings.probe import ProbeSettings
from tasks.diagnostics.probe.guard import CERTIFICATE, Guard


def fetch(guard: Guard, url: str) -> Any:
    return asyncio.run(guard.fetch(url, asked="the answer"))


def app() -> FastAPI:
    made = FastAPI()
    made.state.hits = 0

    @made.get("/")
    def root() -> dict[str, str]:
        made.state.hits += 1
        return {"hello": "probe"}

    @made.get("/away")
    def away() -> RedirectResponse:
        return RedirectResponse("/")

    @made.get("/huge")
    def huge() -> Response:
        return Response(b"x" * (1024 * 1024 + 1))

    @made.get("/zipped")
    def zipped() -> Response:
        return Response(b"x", headers={"Content-Encoding": "gzip"})

    @made.get("/full")
    def full() -> Response:
        return Response(b"x" * 1024 * 1024)

    return made


def test_an_allowlisted_host_is_reached_and_receipted(https: Callable[..., int], guard: Callable[..., Guard]) -> None:
    port = https(app())
    answer = fetch(guard(hosts=[f"idp.test:{port}"]), f"https://idp.test:{port}/?token=s3cret")
    assert answer.status == 200
    assert answer.body == b'{"hello":"probe"}'
    assert answer.receipt.asked == f"the answer at idp.test:{port}"
    assert answer.receipt.size == 17


def test_what_is_not_on_the_list_is_not_even_looked_up(
    https: Callable[..., int], guard: Callable[..., Guard], zone: Any
) -> None:
    port = https(app())
    with pytest.raises(Refused, match="not allowlisted") as refused:
        fetch(guard(hosts=["idp.test"]), f"https://idp.test:{port}/")
    assert refused.value.code == "probe.host"
    assert zone.asked == []


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
def test_a_private_address_is_refused_after_resolution(
    https: Callable[..., int], guard: Callable[..., Guard], networks: list[str]
) -> None:
    made = app()
    port = https(made)
    with pytest.raises(Refused) as refused:
        fetch(guard(hosts=[f"idp.test:{port}"], networks=networks), f"https://idp.test:{port}/")
    assert refused.value.code == "probe.address"
    assert made.state.hits == 0


@pytest.mark.parametrize(
    "records",
    [
        {("idp.test", "CNAME"): ["inner.test"], ("inner.test", "A"): ["10.0.0.7"]},
        {("idp.test", "AAAA"): ["::ffff:7f00:1"]},
        {("idp.test", "A"): ["1.1.1.1", "169.254.169.254"]},
        {("idp.test", "AAAA"): ["fd00:ec2::254"], ("idp.test", "A"): ["127.0.0.1"]},
        {("idp.test", "A"): ["0.0.0.0"]},
    ],
    ids=["alias", "mapped", "one of two", "metadata beside a named one", "this host"],
)
def test_dns_cannot_lead_inside(
    guard: Callable[..., Guard], zone: Any, records: dict[tuple[str, str], list[str]]
) -> None:
    zone.records.update(records)
    with pytest.raises(Refused) as refused:
        fetch(guard(hosts=["idp.test"]), "https://idp.test/")
    assert refused.value.code == "probe.address"


def test_a_name_that_changes_between_look_ups_cannot_move_the_connection(
    https: Callable[..., int], guard: Callable[..., Guard], zone: Any
) -> None:
    """DNS rebinding: each address is asked for once, and the connection goes where the check looked."""
    port = https(app())
    zone.on_query = lambda _, kind: zone.add("idp.test", "A", "127.0.0.1" if len(zone.asked) <= 2 else "127.6.6.6")
    assert fetch(guard(hosts=[f"idp.test:{port}"]), f"https://idp.test:{port}/").status == 200
    assert sorted(zone.asked) == [("idp.test", "A"), ("idp.test", "AAAA")]


def test_a_proxy_of_the_environment_is_not_used(
    https: Callable[..., int], guard: Callable[..., Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = https(app())
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(guard(hosts=[f"idp.test:{port}"]), f"https://idp.test:{port}/").status == 200


def test_a_redirect_is_refused_and_not_followed(https: Callable[..., int], guard: Callable[..., Guard]) -> None:
    made = app()
    port = https(made)
    with pytest.raises(Refused) as refused:
        fetch(guard(hosts=[f"idp.test:{port}"]), f"https://idp.test:{port}/away")
    assert refused.value.code == "probe.redirect"
    assert made.state.hits == 0


def test_one_mebibyte_is_read_and_one_byte_more_refused(https: Callable[..., int], guard: Callable[..., Guard]) -> None:
    port = https(app())
    allowed = guard(hosts=[f"idp.test:{port}"])
    assert len(fetch(allowed, f"https://idp.test:{port}/full").body) == 1024 * 1024
    with pytest.raises(Refused) as refused:
        fetch(allowed, f"https://idp.test:{port}/huge")
    assert refused.value.code == "probe.body"


def test_a_compressed_answer_is_refused_for_what_is_in_it_stays_unseen(
    https: Callable[..., int], guard: Callable[..., Guard]
) -> None:
    port = https(app())
    with pytest.raises(Refused) as refused:
        fetch(guard(hosts=[f"idp.test:{port}"]), f"https://idp.test:{port}/zipped")
    assert refused.value.code == "probe.encoding"


def _drip_body(connection: Any) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def _drip_head(connection: Any) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("talk", [_drip_body, _drip_head])
def test_a_slow_drip_ends_at_the_deadline(
    raw: Callable[..., int], guard: Callable[..., Guard], talk: Callable[[Any], None]
) -> None:
    port = raw(talk)
    begun = time.monotonic()
    with pytest.raises(Transient, match=r"longer than 0\.4 s"):
        fetch(guard(hosts=[f"raw.test:{port}"], timeout_seconds=0.4), f"https://raw.test:{port}/")
    assert time.monotonic() - begun < 3


def test_a_server_that_never_speaks_tls_ends_at_the_deadline(guard: Callable[..., Guard], zone: Any) -> None:
    zone.add("mute.test", "A", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        allowed = guard(hosts=[f"mute.test:{port}"], timeout_seconds=0.3)
        with pytest.raises(Transient):
            fetch(allowed, f"https://mute.test:{port}/")


def test_an_endless_body_without_a_length_is_cut_off(raw: Callable[..., int], guard: Callable[..., Guard]) -> None:
    def flood(connection: Any) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    port = raw(flood)
    with pytest.raises(Refused) as refused:
        fetch(guard(hosts=[f"raw.test:{port}"]), f"https://raw.test:{port}/")
    assert refused.value.code == "probe.body"


@pytest.mark.parametrize("case", ["another name", "another authority", "ended"])
def test_a_certificate_that_does_not_check_is_refused(
    raw: Callable[..., int], guard: Callable[..., Guard], tls: Callable[..., ssl.SSLContext], case: str
) -> None:
    contexts = {"another name": lambda: tls("other.test"), "ended": lambda: tls("raw.test", days=-1)}
    if case == "another authority":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("raw.test").configure_cert(context)
    else:
        context = contexts[case]()
    port = raw(lambda _: None, context=context)
    with pytest.raises(Refused) as refused:
        fetch(guard(hosts=[f"raw.test:{port}"]), f"https://raw.test:{port}/")
    assert refused.value.code == CERTIFICATE


@pytest.mark.parametrize("talk", [lambda c: c.sendall(b"SSH-2.0-OpenSSH\r\n"), lambda c: None])
def test_what_is_no_http_is_unreachable(
    raw: Callable[..., int], guard: Callable[..., Guard], talk: Callable[[Any], None]
) -> None:
    port = raw(talk)
    with pytest.raises(Transient):
        fetch(guard(hosts=[f"raw.test:{port}"]), f"https://raw.test:{port}/")


def test_a_closed_port_and_a_missing_name_are_unreachable(guard: Callable[..., Guard], zone: Any) -> None:
    zone.add("idp.test", "A", "127.0.0.1")
    with pytest.raises(Transient, match="cannot be reached"):
        fetch(guard(hosts=["idp.test:1"]), "https://idp.test:1/")
    with pytest.raises(Transient, match="has no address"):
        fetch(guard(hosts=["gone.test"]), "https://gone.test/")


def test_a_resolver_that_does_not_answer_ends_at_the_deadline(ca_file: Path, guard: Callable[..., Guard]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        resolver = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(Transient):
            fetch(guard(hosts=["idp.test"], resolver=resolver, timeout_seconds=0.3), "https://idp.test/")


def test_settings_default_to_reaching_nothing(guard: Callable[..., Guard]) -> None:
    assert ProbeSettings().hosts == []
    assert ProbeSettings().networks == []
