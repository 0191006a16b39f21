"""Proxies: the decision by itself, and real ones with traffic through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.config import Config, parse_base_url
from dynkube.errors import ConfigError, ConnectFailedError
from dynkube.transport import HTTPRequest, Transport
from dynkube.transport.proxy import bypasses, choose_proxy
from transport.servers import Proxy, SocksProxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from transport.certificates import Authority
    from transport.servers import Server

GET = HTTPRequest("GET", "/api")


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "expected"),
    [
        ("*", "kube.example.com", 443, True),
        ("", "kube.example.com", 443, False),
        ("kube.example.com", "kube.example.com", 443, True),
        ("KUBE.Example.com", "kube.EXAMPLE.com.", 443, True),
        ("example.com", "kube.example.com", 443, True),
        ("example.com", "badexample.com", 443, False),
        (".example.com", "kube.example.com", 443, True),
        (".example.com", "example.com", 443, False),
        ("*.example.com", "kube.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("a.b, kube.example.com ,c.d", "kube.example.com", 443, True),
        ("kube.example.com:6443", "kube.example.com", 6443, True),
        ("kube.example.com:6443", "kube.example.com", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1:6443", "10.0.0.1", 6443, True),
        ("10.0.0.1:6443", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "10.96.0.1", 443, True),
        ("10.0.0.0/8", "11.0.0.1", 443, False),
        ("10.0.0.0/8", "10.example.com", 443, False),
        ("10.0.0.7/8", "10.96.0.1", 443, True),
        ("fd00::/8", "fd00::1", 443, True),
        ("fd00::/8", "fe80::1", 443, False),
        ("fd00::1", "fd00:0:0::1", 443, True),
        ("[fd00::1]", "fd00::1", 443, True),
        ("[fd00::1]:6443", "fd00::1", 6443, True),
        ("[fd00::1]:6443", "fd00::1", 443, False),
        ("nonsense/99", "10.0.0.1", 443, False),
        ("10.0.0.1", "::ffff:10.0.0.1", 443, True),
        (",,", "kube.example.com", 443, False),
    ],
)
def test_no_proxy_exempts(no_proxy: str, host: str, port: int, expected: bool) -> None:
    """Hosts, suffixes, wildcards, ports, addresses and both kinds of CIDR decide as in Go's httpproxy."""
    assert bypasses(no_proxy, host, port) is expected


@given(st.text(max_size=60), st.text(alphabet="abc.:0123456789[]", max_size=20))
def test_no_proxy_survives_any_text(no_proxy: str, host: str) -> None:
    """Whatever stands in NO_PROXY, the decision is made without an exception."""
    assert isinstance(bypasses(no_proxy, host, 443), bool)


HTTPS = "https://kube.example.com:6443"


@pytest.mark.parametrize(
    ("server", "proxy_url", "environ", "expected"),
    [
        (HTTPS, None, {}, None),
        (HTTPS, None, {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        (HTTPS, None, {"https_proxy": "p:3128"}, "http://p:3128"),
        (HTTPS, None, {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1"}, "http://a:1"),
        (HTTPS, None, {"HTTP_PROXY": "http://p:3128"}, None),
        (HTTPS, None, {"ALL_PROXY": "http://p:3128"}, None),
        (HTTPS, None, {"HTTPS_PROXY": "http://p", "NO_PROXY": "example.com"}, None),
        (HTTPS, None, {"HTTPS_PROXY": "http://p", "no_proxy": ".com"}, None),
        (HTTPS, None, {"HTTPS_PROXY": "https://p"}, "https://p:443"),
        (HTTPS, None, {"HTTPS_PROXY": "socks5://p"}, "socks5://p:1080"),
        (HTTPS, "http://own:1", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, "http://own:1"),
        ("http://kube.example.com", None, {"HTTP_PROXY": "http://p"}, "http://p:80"),
        ("http://kube.example.com", None, {"http_proxy": "http://p", "REQUEST_METHOD": "GET"}, "http://p:80"),
        ("https://localhost:6443", None, {"HTTPS_PROXY": "http://p"}, None),
        ("https://127.0.0.1:6443", None, {"HTTPS_PROXY": "http://p"}, None),
        ("https://[::1]:6443", None, {"HTTPS_PROXY": "http://p"}, None),
        ("https://127.0.0.1:6443", "http://own:1", {}, "http://own:1"),
        (HTTPS, None, {"HTTPS_PROXY": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
    ],
)
def test_the_proxy_is_chosen(server: str, proxy_url: str | None, environ: dict[str, str], expected: str | None) -> None:
    """proxy-url wins, then the variable of the server's scheme, unless NO_PROXY or loopback."""
    proxy = choose_proxy(parse_base_url(server, tls=False), proxy_url, environ)
    assert (proxy.address if proxy else None) == expected


@pytest.mark.parametrize(
    ("proxy_url", "environ", "message"),
    [
        ("ftp://p", {}, "proxy-url 'ftp://p' has the scheme 'ftp'"),
        ("http://", {}, "names no host"),
        ("http://p:port", {}, "not a proxy URL"),
        ("http://me:hunter2@p:port", {}, "not a proxy URL"),
        (None, {"HTTPS_PROXY": "gopher://x"}, "environment variable HTTPS_PROXY"),
    ],
)
def test_a_bad_proxy_is_named_with_its_source(proxy_url: str | None, environ: dict[str, str], message: str) -> None:
    """A proxy that cannot be used is a ConfigError that says where it was set and hides its password."""
    with pytest.raises(ConfigError, match=message) as caught:
        choose_proxy(parse_base_url(HTTPS, tls=False), proxy_url, environ)
    assert "hunter2" not in str(caught.value)


def test_http_proxy_is_not_believed_inside_cgi() -> None:
    """HTTP_PROXY could come from a request header there, so it is refused rather than used."""
    environ = {"HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"}
    with pytest.raises(ConfigError, match="CGI"):
        choose_proxy(parse_base_url("http://kube.example.com", tls=False), None, environ)


@pytest.fixture
def proxy(nothing_left: None) -> Iterator[Callable[..., Proxy]]:
    """Start proxies that the end of the test closes."""
    started: list[Proxy] = []

    def start(**options: Any) -> Proxy:
        started.append(Proxy(**options))
        return started[-1]

    yield start
    for item in started:
        item.close()


def test_https_goes_through_a_tunnel(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    proxy: Callable[..., Proxy],
    tls: ssl.SSLContext,
    authority: Authority,
) -> None:
    """A TLS server is reached by CONNECT; the proxy sees neither token nor path; streams go the same way."""
    server, way = serve(context=tls), proxy()
    client = connect(server, ca_data=authority.certificate, proxy_url=way.url, bearer_token="t")
    for stream in (False, True, False):
        with client.send(GET, stream=stream) as response:
            assert response.read()
    assert way.tunnels == [f"127.0.0.1:{server.port}"]
    assert all(request.header("Authorization") is None for request in way.server.received)
    assert server.received[0].header("Authorization") == "Bearer t"
    assert server.received[0].header("Proxy-Authorization") is None


def test_the_proxy_gets_its_credentials(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    proxy: Callable[..., Proxy],
    tls: ssl.SSLContext,
    authority: Authority,
) -> None:
    """User name and password of the proxy URL, percent-encoded there, go to the proxy only."""
    way = proxy(credentials="me:p@ss")
    url = way.url.replace("http://", "http://me:p%40ss@")
    client = connect(serve(context=tls), ca_data=authority.certificate, proxy_url=url)
    assert client.send(GET).status == 200


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ("", "put its user name and password into the proxy URL"),
        ("me:wrong-passw0rd@", "does not accept the user name"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_another_password_is_told_from_the_server(
    scheme: str, login: str, message: str, connect: Callable[..., Transport], proxy: Callable[..., Proxy]
) -> None:
    """A 407 is the proxy's word, for tunnels and forwarded requests alike, and says whether a password was given."""
    url = proxy(credentials="me:right-passw0rd").url.replace("http://", f"http://{login}")
    with pytest.raises(ConnectFailedError, match=f"the proxy http://127.*407.*{message}") as caught:
        connect(f"{scheme}://api.example", proxy_url=url).send(HTTPRequest("GET", "/api"))
    assert "wrong-passw0rd" not in str(caught.value)


def test_plain_http_is_forwarded(connect: Callable[..., Transport], proxy: Callable[..., Proxy]) -> None:
    """A plain HTTP server is asked for by its whole URL, with the proxy's own credentials beside."""
    way = proxy(credentials="me:secret")
    url = way.url.replace("http://", "http://me:secret@")
    client = connect("http://kube.example:8080/prefix", proxy_url=url)
    assert b"Forwarded" in client.send(HTTPRequest("GET", "/api?x=1")).read()
    assert way.forwarded[0].target == "http://kube.example:8080/prefix/api?x=1"
    assert way.forwarded[0].header("Host") == "kube.example:8080"


def test_the_environment_decides_without_a_proxy_url(
    connect: Callable[..., Transport], proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY is read when the client is made, once: a later change does not move its requests."""
    way = proxy()
    monkeypatch.setenv("HTTP_PROXY", way.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    client = connect("http://kube.example")
    monkeypatch.setenv("NO_PROXY", "*")
    assert b"Forwarded" in client.send(GET).read()


def test_an_https_proxy_is_verified_by_the_configured_authority(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    proxy: Callable[..., Proxy],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """TLS to the proxy and, inside it, TLS to the server; closing from outside still wakes a reader."""
    way = proxy(context=authority.issue().server_context(tmp_path))
    server = serve(context=authority.issue().server_context(tmp_path))
    client = connect(server, ca_data=authority.certificate, proxy_url=way.url)
    assert client.send(GET).status == 200
    assert way.tunnels == [f"127.0.0.1:{server.port}"]


def test_socks_resolves_names_at_the_proxy(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """With socks5 the name of the server goes to the proxy unresolved, and TLS is with the server."""
    pytest.importorskip("socks")
    server = serve(context=authority.issue(["kube.internal"]).server_context(tmp_path))
    way = SocksProxy()
    try:
        client = connect(
            f"https://kube.internal:{server.port}",
            ca_data=authority.certificate,
            proxy_url=f"socks5://127.0.0.1:{way.server.port}",
        )
        assert client.send(GET).status == 200
        assert way.names == ["kube.internal"]
        client.close()
    finally:
        way.close()


def test_socks_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PySocks a socks5 proxy is a ConfigError that names the extra."""
    from requests.exceptions import InvalidSchema

    def missing(*args: object, **options: object) -> None:
        raise InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", missing)
    with pytest.raises(ConfigError, match=r"dynkube\[socks\]"):
        Transport(Config(host="https://x", proxy_url="socks5://p:1"))
