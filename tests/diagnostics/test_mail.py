"""Mail: records in a real DNS server, greetings of real mail servers."""

import asyncio
import base64
import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from spine.diagnostic import State
from tasks.diagnostics import ask
from tasks.diagnostics.mail_dns import _key_fault
from tasks.diagnostics.probe.spf import walk

States = Callable[..., dict[str, str]]
MAIL = {"domain": "shop.test", "dkim_selectors": ["s1"]}


def published(bits: int) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


KEY = published(1024)


def txt(value: str) -> str:
    """Zone text of a TXT record, in pieces of at most 255 characters as DNS wants it."""
    return " ".join(f'"{value[i : i + 200]}"' for i in range(0, len(value), 200))


@pytest.fixture
def good(zone: Any) -> Any:
    """A domain whose mail is believed."""
    zone.add("shop.test", "MX", "10 mx1.shop.test.", "20 mx2.shop.test.")
    zone.add("mx1.shop.test", "A", "192.0.2.1")
    zone.add("mx2.shop.test", "AAAA", "2001:db8::1")
    zone.add("shop.test", "TXT", txt("v=spf1 include:sender.test mx -all"), txt("other=thing"))
    zone.add("sender.test", "TXT", txt("v=spf1 ip4:192.0.2.0/24 ~all"))
    zone.add("s1._domainkey.shop.test", "CNAME", "s1.sender.test")
    zone.add("s1.sender.test", "TXT", txt(f"v=DKIM1; k=rsa; p={KEY}"))
    zone.add("_dmarc.shop.test", "TXT", txt("v=DMARC1; p=quarantine"))
    return zone


def test_a_good_domain_is_ok(good: Any, states: States) -> None:
    assert states("mail_dns", mail=MAIL) == dict.fromkeys(("mx", "spf", "dkim.s1", "dmarc"), "ok")


@pytest.mark.parametrize(
    ("name", "kind", "values", "check"),
    [
        ("shop.test", "MX", [], "mx"),
        ("shop.test", "MX", ["0 ."], "mx"),
        ("shop.test", "MX", ["10 gone.shop.test."], "mx"),
        ("shop.test", "TXT", [], "spf"),
        ("shop.test", "TXT", ['"v=spf1 -all"', '"v=spf1 mx -all"'], "spf"),
        ("shop.test", "TXT", ['"v=spf1 +all"'], "spf"),
        ("shop.test", "TXT", ['"v=spf1 include:gone.test -all"'], "spf"),
        ("shop.test", "TXT", ['"v=spf1 include:shop.test -all"'], "spf"),
        ("sender.test", "TXT", ['"v=spf1 include:shop.test -all"'], "spf"),
        ("s1.sender.test", "TXT", [], "dkim.s1"),
        ("s1.sender.test", "TXT", ['"v=DKIM1; p="'], "dkim.s1"),
        ("s1.sender.test", "TXT", ['"v=DKIM1; p=bm8ga2V5"'], "dkim.s1"),
        ("s1.sender.test", "TXT", [txt(f"p={KEY}"), txt("p=other")], "dkim.s1"),
        ("_dmarc.shop.test", "TXT", [], "dmarc"),
        ("_dmarc.shop.test", "TXT", ['"v=DMARC1; p=maybe"'], "dmarc"),
        ("_dmarc.shop.test", "TXT", ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'], "dmarc"),
    ],
)
def test_one_broken_record_is_one_bad_check(
    good: Any, states: States, name: str, kind: str, values: list[str], check: str
) -> None:
    good.add(name, kind, *values)
    found = states("mail_dns", mail=MAIL)
    assert {c for c, state in found.items() if state == "bad"} == {check}


@pytest.mark.parametrize(
    ("broken", "check"),
    [("sender.test", "spf"), ("_dmarc.shop.test", "dmarc"), ("s1.sender.test", "dkim.s1"), ("mx1.shop.test", "mx")],
)
def test_a_name_server_that_fails_is_unknown_not_absent(good: Any, states: States, broken: str, check: str) -> None:
    if check == "dkim.s1":
        broken = "s1._domainkey.shop.test"
    good.broken.add(broken)
    found = states("mail_dns", mail=MAIL)
    assert {c for c, state in found.items() if state != "ok"} == {check}
    assert found[check] == "unknown"


@given(st.binary(max_size=40))
def test_no_published_key_breaks_the_reading(material: bytes) -> None:
    text = base64.b64encode(material).decode()
    because, _ = _key_fault({"k": "rsa", "p": text})
    assert because
    assert bool(_key_fault({"k": "ed25519", "p": text})[0]) == (len(material) != 32)


def test_a_short_key_counts_as_none() -> None:
    public = rsa.RSAPublicNumbers(65537, (1 << 1022) + 1).public_key()
    short = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    assert _key_fault({"p": short})[0]
    assert _key_fault({"p": KEY}) == ("", 1024)


def test_a_subdomain_is_covered_by_its_parent(good: Any, states: States) -> None:
    good.add("news.shop.test", "MX", "10 mx1.shop.test.")
    good.add("news.shop.test", "TXT", '"v=spf1 redirect=shop.test"')
    good.add("s1._domainkey.news.shop.test", "TXT", txt(f"p={KEY}"))
    found = states("mail_dns", mail={**MAIL, "domain": "news.shop.test"})
    assert set(found.values()) == {"ok"}


def test_a_sender_that_must_be_included_is_missed(good: Any, states: States) -> None:
    assert states("mail_dns", mail={**MAIL, "spf_must_include": ["Sender.test"]})["spf"] == "ok"
    assert states("mail_dns", mail={**MAIL, "spf_must_include": ["second.test"]})["spf"] == "bad"


def test_without_a_domain_or_selector_nothing_is_known(good: Any, states: States) -> None:
    assert states("mail_dns") == {"mail_dns": "unknown"}
    assert states("mail_dns", mail={"domain": "shop.test"})["dkim"] == "unknown"
    assert states("smtp_starttls") == {"smtp_starttls": "unknown"}


@pytest.mark.parametrize(("inner", "lookups", "state"), [(8, 10, "ok"), (9, 11, "bad")])
def test_ten_look_ups_are_allowed_and_includes_count(
    good: Any, states: States, guard: Callable[..., Any], inner: int, lookups: int, state: str
) -> None:
    """Two in the record itself, the others within what it includes."""
    good.add("sender.test", "TXT", txt("v=spf1 " + " ".join(f"a:h{i}.test" for i in range(inner)) + " ip6:::1 ~all"))
    assert asyncio.run(walk(guard(), "shop.test")).lookups == lookups
    assert states("mail_dns", mail=MAIL)["spf"] == state


@pytest.mark.parametrize(
    ("record", "lookups"),
    [
        ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 exp=why.test -all", 0), ("v=spf1 a mx ptr ~all", 3),
        ("v=spf1 a/24 -mx/24 a:x.test/24 exists:%{i}.x.test ?all", 4), ("v=spf1 include:%{d}.x.test -all", 1),
        ("V=SPF1 INCLUDE:sender.test -ALL", 1), ("v=spf1 redirect=sender.test", 1),
        ("v=spf1 redirect=sender.test -all", 0), ("v=spf1", 0),
    ],
)  # fmt: skip
def test_look_ups_are_counted_as_receivers_count(
    good: Any, guard: Callable[..., Any], record: str, lookups: int
) -> None:
    good.add("shop.test", "TXT", txt(record))
    assert asyncio.run(walk(guard(), "shop.test")).lookups == lookups


def test_an_endless_chain_of_includes_is_left_after_ten(good: Any, guard: Callable[..., Any]) -> None:
    for i in range(40):
        good.add(f"s{i}.test", "TXT", txt(f"v=spf1 include:s{i + 1}.test include:s{i + 2}.test -all"))
    found = asyncio.run(walk(guard(), "s0.test"))
    assert found.lookups > 10
    assert len(good.asked) <= 12


class Server(Controller):
    """A mail server with a certificate of its own, that remembers whether mail was begun."""

    def __init__(self, context: Any, **fields: Any) -> None:
        self.begun: list[str] = []
        self.context, self.fields = context, fields
        super().__init__(self, hostname="127.0.0.1", port=0)

    def factory(self) -> SMTP:
        return SMTP(self, tls_context=self.context, **self.fields)

    async def handle_MAIL(self, *args: Any) -> str:
        self.begun.append(str(args))
        return "250 OK"

    def _trigger_server(self) -> None:
        """The base class knows no free ports: tell it which one it got."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mail_server(zone: Any) -> Iterator[Callable[..., Any]]:
    """Starts mail servers as mx.test; returns one with its `entry` for the settings."""
    with contextlib.ExitStack() as stack:

        def start(context: Any, **fields: Any) -> Any:
            zone.add("mx.test", "A", "127.0.0.1")
            server = Server(context, **fields)
            server.start()
            stack.callback(server.stop)
            server.entry = f"mx.test:{server.port}"
            return server

        yield start


def visit(states: States, entry: str) -> dict[str, str]:
    found = states("smtp_starttls", hosts=[entry], mail={"servers": [entry]})
    return {name.removeprefix("smtp.mx.test."): state for name, state in found.items()}


def test_a_good_mail_server_is_ok_and_gets_no_mail(mail_server: Any, tls: Any, states: States) -> None:
    server = mail_server(tls("mx.test"))
    assert visit(states, server.entry) == dict.fromkeys(("greeting", "starttls", "certificate", "encrypted"), "ok")
    assert server.begun == []


def test_a_server_without_starttls_is_bad(mail_server: Any, states: States) -> None:
    assert visit(states, mail_server(None).entry) == {"greeting": "ok", "starttls": "bad"}


@pytest.mark.parametrize(("name", "days"), [("other.test", 90), ("mx.test", -1)])
def test_a_false_certificate_is_bad(mail_server: Any, tls: Any, states: States, name: str, days: float) -> None:
    found = visit(states, mail_server(tls(name, days=days)).entry)
    assert found == {"greeting": "ok", "starttls": "ok", "certificate": "bad"}


def test_a_certificate_that_ends_soon_is_bad_too(mail_server: Any, tls: Any, states: States) -> None:
    assert visit(states, mail_server(tls("mx.test", days=3)).entry)["certificate"] == "bad"


@pytest.fixture
def plain(zone: Any) -> Iterator[Callable[[bytes], str]]:
    """A server that says fixed bytes, whatever it hears; returns the entry for the settings."""
    with contextlib.ExitStack() as stack:

        def start(*said: bytes) -> str:
            zone.add("mx.test", "A", "127.0.0.1")

            class Talk(socketserver.BaseRequestHandler):
                def handle(self) -> None:
                    for words in said:
                        self.request.sendall(words)
                        self.request.recv(4096)

            server = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            stack.callback(server.shutdown)
            return f"mx.test:{server.server_address[1]}"

        yield start


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([b"421 busy\r\n"], {"greeting": "bad"}),
        ([b"554-no\r\n554 mail\r\n"], {"greeting": "bad"}),
        ([b"HTTP/1.1 400 Bad Request\r\n"], {"greeting": "unknown"}),
        ([b"220 " + b"x" * 70_000], {"greeting": "unknown"}),
        ([b"220-a\r\n" * 20_000], {"greeting": "unknown"}),
        ([b"220 hi\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"454 later\r\n"], {"greeting": "ok", "starttls": "bad"}),
        (
            [b"220 hi\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"],
            {"greeting": "ok", "starttls": "bad"},
        ),
        ([b"220 hi\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n", b"no tls"],
         {"greeting": "ok", "starttls": "ok", "certificate": "unknown"}),
    ],
    ids=["busy", "no mail", "web", "endless line", "endless reply", "refused", "injected", "no handshake"],
)  # fmt: skip
def test_odd_servers(plain: Any, states: States, said: list[bytes], found: dict[str, str]) -> None:
    assert visit(states, plain(*said)) == found


def test_what_is_not_allowlisted_is_unknown(mail_server: Any, tls: Any, states: States) -> None:
    entry = mail_server(tls("mx.test")).entry
    assert states("smtp_starttls", hosts=[], mail={"servers": [entry]}) == {"smtp.mx.test.greeting": "unknown"}


def test_receipts_of_mail_bear_hashes(good: Any, ports: Any, question: Any) -> None:
    answer = asyncio.run(ask("mail_dns", question(), ports(mail=MAIL)))
    assert answer.state is State.OK
    assert {"MX of shop.test", "TXT of sender.test"} <= {receipt.asked for receipt in answer.receipts}
    assert all(len(receipt.sha256) == 64 for receipt in answer.receipts)
