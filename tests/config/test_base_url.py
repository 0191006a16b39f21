"""Host strings as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.config import BaseURL, Config, parse_base_url
from dynkube.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "tls", "expected"),
    [
        ("", False, BaseURL("http", "localhost", 80)),
        ("  ", True, BaseURL("https", "localhost", 443)),
        ("localhost", False, BaseURL("http", "localhost", 80)),
        ("localhost", True, BaseURL("https", "localhost", 443)),
        ("1.2.3.4", True, BaseURL("https", "1.2.3.4", 443)),
        ("1.2.3.4:6443", True, BaseURL("https", "1.2.3.4", 6443)),
        ("1.2.3.4:6443/", True, BaseURL("https", "1.2.3.4", 6443)),
        ("foo:8080", False, BaseURL("http", "foo", 8080)),
        ("https://foo", False, BaseURL("https", "foo", 443)),
        ("HTTPS://Foo:6443/", False, BaseURL("https", "foo", 6443)),
        ("http://foo", True, BaseURL("http", "foo", 80)),
        ("https://foo/k8s/clusters/c-1", False, BaseURL("https", "foo", 443, "/k8s/clusters/c-1")),
        ("https://foo/k8s/", False, BaseURL("https", "foo", 443, "/k8s")),
        ("https://foo//k8s//c", False, BaseURL("https", "foo", 443, "/k8s/c")),
        ("https://foo/a%20b c", False, BaseURL("https", "foo", 443, "/a%20b%20c")),
        ("https://foo/k8s?x=1#y", False, BaseURL("https", "foo", 443, "/k8s")),
        ("https://[::1]:6443", False, BaseURL("https", "::1", 6443)),
        ("[::1]:6443", True, BaseURL("https", "::1", 6443)),
        ("[fd00::1]", False, BaseURL("http", "fd00::1", 80)),
        ("fd00::1", True, BaseURL("https", "fd00::1", 443)),
        ("https://[fe80::1%25eth0]:6443", False, BaseURL("https", "fe80::1%eth0", 6443)),
        ("https://foo:443", False, BaseURL("https", "foo", 443)),
    ],
)
def test_host_becomes_a_base_url(host: str, tls: bool, expected: BaseURL) -> None:
    """Names, addresses, ports and URLs are normalised as client-go does; query and fragment are dropped."""
    assert parse_base_url(host, tls=tls) == expected


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("foo/bar", "has a path but no scheme"),
        ("1.2.3.4:6443/api", "has a path but no scheme"),
        ("ftp://foo", "only http and https"),
        ("https://", "names no host"),
        ("https:///path", "names no host"),
        ("https://foo:99999", "(?i)port"),
        ("https://foo:0", "port 0"),
        ("https://foo:https", "(?i)port"),
        ("https://[::1", "IPv6"),
        ("https://[nonsense]:1", "(?i)ip"),
        ("https://a b", "names no host"),
        ("https://user:secret@foo", "carries a user name"),
        ("user:secret@foo", "carries a user name"),
        ("foo\nbar", "."),
    ],
)
def test_nonsense_is_a_config_error(host: str, message: str) -> None:
    """What is no address is refused with the value, and never with a password in it."""
    with pytest.raises(ConfigError, match=message) as caught:
        parse_base_url(host, tls=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text", "authority"),
    [
        (BaseURL("https", "foo", 443), "https://foo", "foo"),
        (BaseURL("https", "foo", 6443, "/p"), "https://foo:6443/p", "foo:6443"),
        (BaseURL("https", "::1", 443), "https://[::1]", "[::1]"),
        (BaseURL("http", "::1", 443), "http://[::1]:443", "[::1]:443"),
    ],
)
def test_base_url_prints_as_a_url(url: BaseURL, text: str, authority: str) -> None:
    """Brackets round IPv6, no port where it is the scheme's own."""
    assert str(url) == text
    assert url.authority == authority


@pytest.mark.parametrize(
    ("config", "scheme"),
    [
        (Config(host="h"), "http"),
        (Config(host="h", bearer_token="t"), "http"),
        (Config(host="h", username="u", password="p"), "http"),
        (Config(host="h", insecure=True), "https"),
        (Config(host="h", ca_file="/ca"), "https"),
        (Config(host="h", ca_data=b"x"), "https"),
        (Config(host="h", cert_file="/c", key_file="/k"), "https"),
        (Config(host="h", cert_data=b"c", key_data=b"k"), "https"),
    ],
)
def test_tls_settings_select_https(config: Config, scheme: str) -> None:
    """A CA, a client certificate or insecure means https for a host without a scheme; a token alone does not."""
    assert config.base_url.scheme == scheme


@given(st.text(max_size=40))
def test_any_text_is_a_base_url_or_a_config_error(text: str) -> None:
    """No host string ends in another exception, and what is accepted parses to itself again."""
    try:
        url = parse_base_url(text, tls=True)
    except ConfigError:
        return
    assert parse_base_url(str(url), tls=True) == url
