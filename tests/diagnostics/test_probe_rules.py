"""Where a probe may go: hosts, URLs and addresses, against the tricks that are known."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.errors import Refused
from spine.probe import Place, allowlisted, host_name, parse_url, refused_address
from spine.settings.probe import ProbeSettings

PRIVATE = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip


@st.composite
def private_v4(draw: st.DrawFn) -> str:
    network = ip_network(draw(st.sampled_from(PRIVATE)))
    return str(network[draw(st.integers(0, network.num_addresses - 1))])


@given(private_v4())
def test_private_addresses_are_refused(address: str) -> None:
    assert refused_address(address, ())


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_refused_even_when_its_network_is_named(address: IPv4Address) -> None:
    number = int(address)
    mapped = IPv6Address((0xFFFF << 32) | number)
    compatible, nat64 = IPv6Address(number), IPv6Address((0x64FF9B << 96) | number)
    six_to_four = IPv6Address((0x2002 << 112) | (number << 80))
    assert refused_address(str(mapped), ["127.0.0.0/8", "::/0", "::ffff:0:0/96"])
    assert all(refused_address(str(one), ()) for one in (compatible, nat64, six_to_four))


@given(st.ip_addresses(v=6, network="fc00::/7") | st.ip_addresses(v=6, network="fe80::/10"))
def test_local_ipv6_is_refused_and_so_is_its_zone(address: IPv6Address) -> None:
    assert refused_address(str(address), ())
    assert refused_address(f"{address}%eth0", ["fe80::/10", "fc00::/7"])


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_is_let_through_is_globally_routable(address: IPv4Address | IPv6Address) -> None:
    if refused_address(str(address), ()) is None:
        assert address.is_global
        assert not any([address.is_multicast, address.is_private, address.is_link_local, address.is_loopback])


@pytest.mark.parametrize(
    "metadata",
    [
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "::1",
        "::",
    ],
)
def test_metadata_services_are_refused(metadata: str) -> None:
    assert refused_address(metadata, ())


@pytest.mark.parametrize("public", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2001:4860:4860::8888"])
def test_public_servers_are_let_through(public: str) -> None:
    assert refused_address(public, ()) is None


def test_only_the_named_network_is_let_through() -> None:
    assert refused_address("127.0.0.1", ["127.0.0.1/32"]) is None
    assert refused_address("127.0.0.2", ["127.0.0.1/32"])
    assert refused_address("::1", ["127.0.0.0/8"])


@given(st.ip_addresses(v=4))
def test_addresses_in_disguise_are_no_hosts(address: IPv4Address) -> None:
    number, parts = int(address), [int(part) for part in str(address).split(".")]
    octal = ".".join(f"0{part:o}" for part in parts)
    hexadecimal = ".".join(f"0x{part:x}" for part in parts)
    short = f"{parts[0]}.{number & 0xFFFFFF}"
    for disguise in (str(number), hex(number), octal, hexadecimal, short, f"{number}.", f"{hex(number)}."):
        with pytest.raises(Refused):
            host_name(disguise)


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.test/", "file:///etc/passwd", "gopher://idp.test/", "HTTPS:idp.test", "//idp.test/", "https://",
        "https:///path", "https://idp.test@evil.test/", "https://user:pass@idp.test/", "https://@idp.test/",
        "https://idp.test\\@evil.test/", "https://idp.test\\.evil.test/", "https://idp.test:99999/",
        "https://idp.test:port/", "https://idp.test/a b", "https://idp.test/\r\nHost: evil.test",
        "https://idp.test\t/", "https://id\u3002test/", "https://\uff11\uff12\uff17.0.0.1/", "https://[::1%25eth0]/",
        "https://idp..test/", "https://.idp.test/", "https://idp.test../", "https://0x7f000001/", "https://0177.0.0.1/",
        "https://2130706433/", "https://127.1/",
    ],
)  # fmt: skip
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        parse_url(url)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://idp.test", "https://idp.test@", "https://["]))
def test_no_text_leads_past_the_allowlist(text: str, start: str) -> None:
    """Whatever is written: refused, or a place that is on the list by its very host."""
    try:
        place = parse_url(start + text)
    except Refused:
        return
    assert place.host == host_name(place.host)
    assert allowlisted(place.host, place.port, ["idp.test"], (443,)) == (place.host == "idp.test" and place.port == 443)


def test_one_host_has_one_spelling() -> None:
    assert parse_url("https://IDP.Test./a?b=c#d") == Place("idp.test", 443, "/a?b=c")


def test_a_host_stands_for_the_usual_port_and_no_other() -> None:
    assert allowlisted("idp.test", 443, ["IDP.test"], (443,))
    assert not allowlisted("idp.test", 22, ["idp.test"], (443,))
    assert allowlisted("idp.test", 8443, ["idp.test:8443"], (443,))
    assert not allowlisted("idp.test", 443, ["idp.test:8443"], (443,))
    assert not allowlisted("evil-idp.test", 443, ["idp.test"], (443,))
    assert not allowlisted("a.idp.test", 443, ["idp.test"], (443,))
    assert allowlisted("2606:4700::1", 8443, ["[2606:4700::1]:8443"], (443,))


@pytest.mark.parametrize(
    "fields",
    [{"networks": ["0.0.0.0/0"]}, {"networks": ["::/0"]}, {"networks": ["127.0.0.1/8"]}, {"hosts": ["2130706433"]},
     {"hosts": ["idp.test:x"]}, {"timeout_seconds": 60}, {"max_body_bytes": 2**30}],
)  # fmt: skip
def test_settings_that_open_the_gate_stop_the_start(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ProbeSettings.model_validate(fields)
