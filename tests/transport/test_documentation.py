"""The manual's pages say what the transport does: its numbers, and the variables it heeds."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dynkube.transport
from dynkube.config import Config, ExecConfig, Timeout, parse_base_url
from dynkube.discovery.disk_cache import default_root
from dynkube.errors import AuthenticationError, ConfigError
from dynkube.transport import HTTPRequest, RetryPolicy
from dynkube.transport.backoff import backoff_from
from dynkube.transport.credentials import TOKEN_FILE_SECONDS
from dynkube.transport.exec_plugin import MARGIN_SECONDS, MARGIN_SHARE, PLUGIN_SECONDS, ExecCredentials
from dynkube.transport.oidc import EXPIRY_SECONDS
from dynkube.transport.proxy import choose_proxy
from dynkube.transport.tls import TLSSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.transport import Transport
    from transport.certificates import Authority
    from transport.servers import Server

CONFIGURATION = Path(__file__).parents[2] / "docs" / "configuration.rst"
PAGE = Path(__file__).parents[2] / "docs" / "transport.rst"


def test_the_numbers_in_the_manual_are_those_of_the_code() -> None:
    """Limits, counts and defaults that the page names are the constants that rule."""
    text = PAGE.read_text(encoding="utf-8")
    policy, limits = RetryPolicy(), Timeout()
    assert f"up to {policy.hinted} times, after that" in text
    assert f"up to {policy.unhinted} times, with backoff" in text
    assert f"more than {policy.most_asked:g} s is not waited for" in text
    pauses = ", ".join(f"{policy.first * 2**number:g}" for number in range(policy.unhinted))
    assert f"Backoff is {pauses} s" in text
    assert (limits.connect, limits.read, limits.total) == (10.0, 60.0, None)
    assert f"every {TOKEN_FILE_SECONDS:g} s" in text
    assert MARGIN_SHARE == 0.1
    assert f"a tenth of its life ({MARGIN_SECONDS:g} s at most)" in text
    assert f"more than {PLUGIN_SECONDS:g} s without a terminal" in text
    assert f"until {EXPIRY_SECONDS:g} s before its end" in text
    assert Config().qps <= 0
    assert not Config().disable_compression


def rows() -> list[str]:
    """Return the variables of the table about the connection."""
    title = ".. list-table:: Variables that decide about the connection"
    table = CONFIGURATION.read_text(encoding="utf-8").split(title, 1)[1].split("\n\n", 2)[1]
    return re.findall(r"^   \* - ``([A-Z0-9_]+)``$", table, re.MULTILINE)


class World:
    """What the checks of the rows need: the test's environment and folder, and an authority."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, authority: Authority) -> None:
        self.patch = patch
        self.folder = folder
        self.authority = authority


def proxied(host: str, environ: Mapping[str, str], proxy_url: str | None = None) -> str:
    """Return the name of the proxy to a host, "" for none."""
    proxy = choose_proxy(parse_base_url(host, tls=False), proxy_url, environ)
    return proxy.host if proxy else ""


def https_proxy(world: World) -> bool:
    """Check precedence: proxy-url, upper case, lower case; and that http servers do not heed it."""
    both = {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}
    return (
        proxied("https://k", both) == "upper"
        and proxied("https://k", {"https_proxy": "http://lower:1"}) == "lower"
        and proxied("https://k", both, "http://configured:1") == "configured"
        and proxied("http://k", both) == ""
    )


def http_proxy(world: World) -> bool:
    """Check that only plain http heeds it, and that a CGI program refuses it."""
    with pytest.raises(ConfigError, match="CGI"):
        proxied("http://k", {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"})
    variables = {"HTTP_PROXY": "http://p:1"}
    return proxied("http://k", variables) == "p" and proxied("https://k", variables) == ""


def no_proxy(world: World) -> bool:
    """Check one of each kind of entry, and that it does not touch proxy-url."""
    variables = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example,.b.example,c:6443,10.0.0.0/8,fd00::/8"}
    exempt = ("a.example", "x.a.example", "x.b.example", "c:6443", "10.1.2.3", "[fd00::1]", "localhost", "127.0.0.1")
    return (
        all(proxied(f"https://{host}", variables) == "" for host in exempt)
        and all(
            proxied(f"https://{host}", variables) == "p" for host in ("b.example", "c:443", "11.1.2.3", "[fe00::1]")
        )
        and proxied("https://a.example", variables, "http://configured:1") == "configured"
    )


def backoff(world: World) -> bool:
    """Check that both together switch it on, and either alone does not."""
    names = ("KUBE_CLIENT_BACKOFF_BASE", "KUBE_CLIENT_BACKOFF_DURATION")
    policy = backoff_from({names[0]: "2", names[1]: "3"})
    assert policy is not None
    pauses = []
    for _ in range(2):
        policy.note("h", 503)
        pauses.append(policy.delay("h"))
    return pauses == [2, 3] and not any(backoff_from({name: "2"}) for name in names)


def exec_info(world: World) -> bool:
    """Check that a plug-in gets ours."""
    world.patch.setenv("KUBERNETES_EXEC_INFO", "somebody else's")
    return "client.authentication.k8s.io" in run_plugin(world, 'printf %s "$KUBERNETES_EXEC_INFO" >&2')


def path(world: World) -> bool:
    """Check that a bare name is found there."""
    world.patch.setenv("PATH", os.pathsep.join([str(world.folder), "/usr/bin", "/bin"]))
    return "hello" in run_plugin(world, "echo hello >&2", bare=True)


def run_plugin(world: World, line: str, *, bare: bool = False) -> str:
    """Run a plug-in that fails and return what it left in the exception."""
    script = world.folder / "login-plugin"
    script.write_text(f"#!/bin/sh\n{line}\nexit 1\n")
    script.chmod(0o755)
    command = script.name if bare else str(script)
    provider = ExecConfig(command=command, api_version="client.authentication.k8s.io/v1", interactive_mode="Never")
    with pytest.raises(AuthenticationError) as caught:
        ExecCredentials(Config(host="https://x", exec_provider=provider)).grant()
    return caught.value.stderr


def roots_from_variables(world: World) -> bool:
    """Check that the file and the folder are what counts as the system's roots."""
    name = world.folder / "roots.pem"
    name.write_bytes(world.authority.certificate)
    world.patch.setenv("SSL_CERT_FILE", str(name))
    world.patch.setenv("SSL_CERT_DIR", str(world.folder))
    found = ssl.get_default_verify_paths()
    return (found.cafile, found.capath) == (str(name), str(world.folder)) and roots() == 1


def roots() -> int:
    """Return how many authorities a client without a configured CA trusts, those of the folder aside."""
    return TLSSettings(Config(host="https://x")).context().cert_store_stats()["x509_ca"]


def ignored_authorities(world: World) -> bool:
    """Check that these variables neither add an authority nor take one away."""
    before = roots()
    empty = world.folder / "one.pem"
    empty.write_bytes(world.authority.certificate)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        world.patch.setenv(name, str(empty))
    return roots() == before


def cache_home(world: World) -> bool:
    """Check that the folder is taken, and a relative one not."""
    world.patch.setenv("XDG_CACHE_HOME", str(world.folder))
    absolute = default_root() == world.folder / "dynkube" / "discovery"
    world.patch.setenv("XDG_CACHE_HOME", "relative")
    return absolute and default_root() == Path.home() / ".cache" / "dynkube" / "discovery"


VARIABLES: dict[str, Callable[[World], bool]] = {
    "HTTPS_PROXY": https_proxy,
    "HTTP_PROXY": http_proxy,
    "NO_PROXY": no_proxy,
    "ALL_PROXY": lambda world: proxied("https://k", {"ALL_PROXY": "http://p:1", "all_proxy": "http://p:1"}) == "",
    "KUBE_CLIENT_BACKOFF_BASE": backoff,
    "KUBE_CLIENT_BACKOFF_DURATION": backoff,
    "KUBERNETES_EXEC_INFO": exec_info,
    "PATH": path,
    "SSL_CERT_FILE": roots_from_variables,
    "SSL_CERT_DIR": roots_from_variables,
    "REQUESTS_CA_BUNDLE": ignored_authorities,
    "CURL_CA_BUNDLE": ignored_authorities,
    "XDG_CACHE_HOME": cache_home,
}
#: Rows whose check needs a server: a test each, below.
WITH_SERVER = {"NETRC", "DISABLE_HTTP2"}


@pytest.mark.parametrize("row", sorted(set(rows()) - WITH_SERVER))
def test_row_about_a_variable_holds(
    row: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority
) -> None:
    """What the table says of the variable is what happens."""
    assert VARIABLES[row](World(monkeypatch, tmp_path, authority))


def test_netrc_and_http2_switches_change_nothing(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A netrc entry for the server does not reach the wire, in place of credentials or of none; HTTP/1.1 is spoken."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password netrc-passw0rd\n")
    for name, value in (("NETRC", str(netrc)), ("HOME", str(tmp_path)), ("DISABLE_HTTP2", "")):
        monkeypatch.setenv(name, value)
    server = serve()
    connect(server).send(HTTPRequest("GET", "/api"))
    connect(server, bearer_token="kept-t0ken").send(HTTPRequest("GET", "/api"))
    assert [request.header("Authorization") for request in server.received] == [None, "Bearer kept-t0ken"]


def test_every_variable_the_transport_reads_has_a_row() -> None:
    """The table and the code name the same variables, and every row has its check."""
    read = set()
    for module in Path(dynkube.transport.__path__[0]).glob("*.py"):
        read |= set(re.findall(r"""environ(?:\.get)?[\[(](?:environ, )?"([A-Z_0-9]+)\"""", module.read_text()))
    table = set(rows())
    assert table == set(VARIABLES) | WITH_SERVER
    # The machine's name on Windows, for the User-Agent, decides nothing; the CGI sign stands with HTTP_PROXY.
    assert read - {"PROCESSOR_ARCHITECTURE", "REQUEST_METHOD"} <= table
    assert {"KUBE_CLIENT_BACKOFF_BASE", "KUBE_CLIENT_BACKOFF_DURATION"} <= read
