"""Which URLs may be fetched, which addresses may be connected to: properties, then what stands in the registries."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid.integrations._addresses import MAX_URL_CHARS, Reach, Target, may_connect, open_address, open_url

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@given(V4 | V6)
def test_what_python_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    private = (
        address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
        or address.is_reserved or address.is_unspecified
    )  # fmt: skip
    if private:
        assert not may_connect([str(address)], Reach.PUBLIC)


@given(V4)
def test_no_address_comes_in_through_another_one(address: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:", "64:ff9b::", "64:ff9b:1::", "::", "2001:0:", "fe80::"):
        assert not may_connect([f"{prefix}{address}" if prefix != "2001:0:" else f"2001::{address}"], Reach.PUBLIC)
    sixtofour = ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)
    assert not may_connect([str(sixtofour)], Reach.PUBLIC)


@given(st.lists(V4 | V6, max_size=4))
def test_one_address_that_is_refused_refuses_the_name(addresses: list[ipaddress.IPv4Address]) -> None:
    texts = [str(address) for address in addresses]
    for reach in Reach:
        assert may_connect(texts, reach) is (bool(texts) and all(may_connect([text], reach) for text in texts))


@given(V4 | V6)
def test_no_address_is_in_both_reaches(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not (may_connect([str(address)], Reach.PUBLIC) and may_connect([str(address)], Reach.LOOPBACK))
    assert may_connect([str(address)], Reach.LOOPBACK) is address.is_loopback


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.168.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "192.88.99.1", "203.0.113.7", "168.63.129.16",
        "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
        "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::",
        "2002:808:808::", "3fff::1", "5f00::1", "100::1", "4000::1", "fe80::1%eth0", "2606:4700::1%1",
        "", "x", "8.8.8", "0x7f.1", "127.1", "8.8.8.8 ", "08.8.8.8", "2130706433",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not may_connect([text], Reach.PUBLIC)


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "168.63.129.15",
        "168.63.129.17",
        "2606:4700:4700::1111",
        "2a00::1",
    ],
)
def test_a_public_address_is_not(text: str) -> None:
    assert may_connect([text], Reach.PUBLIC)
    assert open_address(text) == ipaddress.ip_address(text)


# --- URLs ---

HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True) | V4.map(str) | V6.map(lambda a: f"[{a}]")
PATHS = st.from_regex(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]{0,8}){0,3}(\?[a-z=&/?]{0,8})?", fullmatch=True)


@given(st.sampled_from(["http", "https"]), HOSTS, st.none() | st.integers(-1, 70_000), PATHS)
def test_our_reading_of_a_url_is_that_of_the_standard_library(
    scheme: str, host: str, port: int | None, path: str
) -> None:
    url = f"{scheme}://{host}{'' if port is None else f':{port}'}{path}"
    target = open_url(url, Reach.LOOPBACK)
    if port is not None and not 0 < port < 65_536:
        assert target is None
        return
    assert target is not None
    parts = urlsplit(url)
    assert (target.scheme, target.host) == (parts.scheme, parts.hostname)
    assert target.port == (parts.port or {"http": 80, "https": 443}[scheme])
    assert target.path == (parts.path or "/") + (f"?{parts.query}" if "?" in url else "")
    assert open_url(f"{target.scheme}://{target.authority}{target.path}", Reach.LOOPBACK) == target
    assert (open_url(url, Reach.PUBLIC) is None) is (scheme == "http")


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_none(text: str) -> None:
    for url in (text, "https://" + text, "https://id.example" + text):
        target = open_url(url, Reach.PUBLIC)
        assert target is None or (target.scheme == "https" and url.isascii() and not set(url) & set(" \t\r\n\\#\0"))


@pytest.mark.parametrize(
    "url",
    [
        None, 1, b"https://id.example/", "", "id.example", "//id.example/", "http://id.example/", "HTTPS://id.example/",
        "ftp://id.example/", "file:///etc/passwd", "https:///", "https://", "https://u@id.example/",
        "https://u:p@id.example/", "https://id.example@10.0.0.1/", "https://id.example/#f", "https://id.example /",
        "https://id.example\\@10.0.0.1/", "https://id.example/\n", "https://id.example:0/", "https://id.example:65536/",
        "https://id.example:/", "https://id.example:44x/", "https://ex\u00e4mple/", "https://id.example/\u00e4",
        "https://id.example/%zz", "https://[::1", "https://[::1%25eth0]/", "https://id.example/" + "x" * MAX_URL_CHARS,
        "https://-id.example/", "https://id.example?x", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_a_url_that_may_not_be_fetched_is_none(url: object) -> None:
    found = open_url(url, Reach.PUBLIC)
    assert found is None or url == "https://id.example?x"


def test_the_authority_names_a_port_only_where_it_must() -> None:
    assert Target("https", "::1", 443, "/").authority == "[::1]"
    assert Target("http", "a", 443, "/").authority == "a:443"
    assert Target("http", "a", 80, "/").authority == "a"
