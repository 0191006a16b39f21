"""From a kubeconfig, a context and overrides to a Config."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config, Impersonation, Timeout, load_config
from dynkube.errors import ConfigError, NoConfigError

if TYPE_CHECKING:
    from config.conftest import Write

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def encoded(text: str) -> str:
    """Return text in base64."""
    return base64.b64encode(text.encode()).decode()


def test_current_context_is_used(kubeconfig: Any) -> None:
    """Server, user and namespace come from the current context, whose name is kept."""
    config = load_config(kubeconfig=kubeconfig(user={"token": "t"}, context={"namespace": "ns"}))
    assert config == Config(host="https://host:6443", bearer_token="t", namespace="ns", context="ctx")


def test_named_context_is_used(kubeconfig: Any) -> None:
    """A context given by name wins over the current one."""
    document = kubeconfig()
    document["contexts"].append({"name": "other", "context": {"cluster": "c", "namespace": "o"}})
    config = load_config("other", kubeconfig=document)
    assert (config.context, config.namespace, config.authentication) == ("other", "o", "anonymous")


def test_unknown_context_is_an_error_with_the_nearest(kubeconfig: Any) -> None:
    """A context asked for that does not exist is no reason to take another."""
    with pytest.raises(ConfigError, match=r"context 'ctxx' is not defined.*did you mean 'ctx'"):
        load_config("ctxx", kubeconfig=kubeconfig())


def test_dangling_current_context_is_an_error(kubeconfig: Any, pod: Path) -> None:
    """A current-context that is not defined is an error, in a pod, too."""
    with pytest.raises(ConfigError, match="current-context 'gone' is not defined") as caught:
        load_config(kubeconfig=kubeconfig(current="gone"))
    assert not isinstance(caught.value, NoConfigError)


def test_single_context_is_not_chosen_by_itself(kubeconfig: Any) -> None:
    """Without a current-context nothing is guessed; the message lists what there is."""
    with pytest.raises(NoConfigError, match="current-context is not set; give one of ctx"):
        load_config(kubeconfig=kubeconfig(current=None))


def test_undefined_user_is_an_error(kubeconfig: Any) -> None:
    """A context naming a user that is not defined does not make anonymous requests, unlike in client-go."""
    with pytest.raises(ConfigError, match="user 'you': a context uses it and no file defines it"):
        load_config(kubeconfig=kubeconfig(context={"user": "you"}))


def test_context_without_user_is_anonymous(kubeconfig: Any) -> None:
    """Naming no user at all is how anonymous access is written."""
    assert load_config(kubeconfig=kubeconfig(context={"user": ""})).authentication == "anonymous"


@pytest.mark.parametrize("cluster", ["gone", ""])
def test_undefined_cluster_is_no_configuration(kubeconfig: Any, cluster: str) -> None:
    """A context without a cluster configures nothing, as in client-go; the message says why."""
    with pytest.raises(NoConfigError, match=r"context 'ctx' (uses cluster 'gone'|names no cluster)"):
        load_config(kubeconfig=kubeconfig(context={"cluster": cluster}))


def test_empty_cluster_is_no_configuration(kubeconfig: Any) -> None:
    """A cluster stanza with nothing in it is as good as none."""
    with pytest.raises(NoConfigError):
        load_config(kubeconfig=kubeconfig(cluster={}))


def test_cluster_without_server_is_an_error(kubeconfig: Any) -> None:
    """A cluster that says something but not where it is cannot be used."""
    with pytest.raises(ConfigError, match="cluster 'c': no server"):
        load_config(kubeconfig=kubeconfig(cluster={"insecure-skip-tls-verify": True}))


def test_all_fields_of_cluster_and_user(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """Every field of the stanzas in use arrives in the Config."""
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(name)
    cluster = {
        "server": "https://host:6443/prefix",
        "certificate-authority": "ca",
        "tls-server-name": "internal",
        "proxy-url": "socks5://proxy:1080",
        "disable-compression": True,
    }
    user = {
        "client-certificate": "cert",
        "client-key-data": encoded("key"),
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"scopes": ["x", "y"]},
    }
    path = write(kubeconfig(cluster=cluster, user=user))
    assert load_config(kubeconfig=path) == Config(
        host="https://host:6443/prefix",
        ca_file=str(tmp_path / "ca"),
        tls_server_name="internal",
        proxy_url="socks5://proxy:1080",
        disable_compression=True,
        cert_file=str(tmp_path / "cert"),
        key_data=b"key",
        bearer_token="t",
        impersonate=Impersonation(user="jane", uid="7", groups=("a", "b"), extra={"scopes": ("x", "y")}),
        context="ctx",
    )


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"username": "u", "password": "p"}, {"username": "u", "password": "p"}),
        (
            {"client-certificate-data": encoded("c"), "client-key-data": encoded("k")},
            {"cert_data": b"c", "key_data": b"k"},
        ),
        ({"token": "t"}, {"bearer_token": "t"}),
        ({}, {}),
    ],
)
def test_kinds_of_credentials(kubeconfig: Any, user: dict[str, Any], expected: dict[str, Any]) -> None:
    """Basic, certificate, token and no credentials are taken over as they are."""
    config = load_config(kubeconfig=kubeconfig(user=user))
    assert config == Config(host="https://host:6443", context="ctx", **expected)


def test_base64_with_line_breaks(kubeconfig: Any) -> None:
    """Data folded over lines is decoded."""
    text = encoded("certificate")
    config = load_config(
        kubeconfig=kubeconfig(cluster={"server": "https://h", "certificate-authority-data": text[:6] + "\n" + text[6:]})
    )
    assert config.ca_data == b"certificate"


def test_token_file_is_named_and_must_be_readable(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """A tokenFile alone is kept as a path, to be read again as it changes; it must be there now."""
    path = write(kubeconfig(user={"tokenFile": "token"}))
    with pytest.raises(ConfigError, match=f"{path}: user 'u': tokenFile {tmp_path}/token cannot be read: No such file"):
        load_config(kubeconfig=path)
    (tmp_path / "token").write_text("t")
    config = load_config(kubeconfig=path)
    assert (config.bearer_token, config.bearer_token_file) == (None, str(tmp_path / "token"))


def test_token_beside_token_file(kubeconfig: Any) -> None:
    """With both, both are kept and the file is the one in use; it need not exist yet."""
    config = load_config(kubeconfig=kubeconfig(user={"token": "t", "tokenFile": "/none"}))
    assert (config.bearer_token, config.bearer_token_file) == ("t", "/none")
    assert config.authentication == "token file /none"


def test_exec_plugin(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """Every field of a plug-in, and the cluster's extension for it, are taken over."""
    plugin = {
        "apiVersion": V1,
        "command": "bin/login",
        "args": ["--x", "y"],
        "env": [{"name": "A", "value": "1"}, {"name": "B"}],
        "installHint": "get it\x1b[31m here\nnow",
        "provideClusterInfo": True,
        "interactiveMode": "Never",
    }
    cluster = {
        "server": "https://h",
        "extensions": [
            {"name": "other", "extension": 1},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "foo"}},
        ],
    }
    exec_provider = load_config(kubeconfig=write(kubeconfig(cluster=cluster, user={"exec": plugin}))).exec_provider
    assert exec_provider is not None
    assert exec_provider.command == str(tmp_path / "bin" / "login")
    assert exec_provider.args == ("--x", "y")
    assert exec_provider.env == (("A", "1"), ("B", ""))
    assert exec_provider.install_hint == "get it\ufffd[31m here\nnow"
    assert exec_provider.provide_cluster_info
    assert exec_provider.interactive_mode == "Never"
    assert exec_provider.cluster_extension == {"audience": "foo"}


@pytest.mark.parametrize(("command", "kept"), [("aws", True), ("/usr/bin/aws", True), ("./aws", False)])
def test_exec_command_is_resolved_only_if_it_is_a_path(write: Write, kubeconfig: Any, command: str, kept: bool) -> None:
    """A bare name is looked up in PATH, a relative path starts at the kubeconfig's folder."""
    path = write(kubeconfig(user={"exec": {"apiVersion": V1BETA1, "command": command}}))
    exec_provider = load_config(kubeconfig=path).exec_provider
    assert exec_provider is not None
    assert exec_provider.command == (command if kept else str(Path(path).parent / "aws"))
    assert exec_provider.interactive_mode == "IfAvailable"


def test_oidc_provider_knows_its_stanza(write: Write, kubeconfig: Any) -> None:
    """The provider's settings come with the file and user they can be written back to."""
    path = write(kubeconfig(user={"auth-provider": {"name": "oidc", "config": {"client-id": "x"}}}))
    provider = load_config(kubeconfig=path).auth_provider
    assert provider is not None
    assert (provider.name, dict(provider.config), provider.path, provider.user) == (
        "oidc",
        {"client-id": "x"},
        path,
        "u",
    )


@pytest.mark.parametrize("server", ["http://h", "http://h:8080/x", "h:6443", "h"])
def test_plain_http_gets_no_credentials_and_a_warning(
    kubeconfig: Any, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Over plain http, which a missing scheme means, credentials and TLS settings are dropped with a warning."""
    document = kubeconfig(
        cluster={"server": server, "insecure-skip-tls-verify": True}, user={"token": "hush", "as": "jane"}
    )
    with caplog.at_level(logging.WARNING):
        config = load_config(kubeconfig=document)
    assert config == Config(host=server, impersonate=Impersonation(user="jane"), context="ctx")
    assert config.base_url.scheme == "http"
    messages = [record.message for record in caplog.records]
    assert messages[0].startswith("cluster 'c': insecure-skip-tls-verify not used, because server")
    assert messages[1].startswith("user 'u': token not used")
    assert "hush" not in caplog.text


def test_plain_http_without_credentials_is_silent(kubeconfig: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is dropped, nothing is said."""
    load_config(kubeconfig=kubeconfig(cluster={"server": "http://h"}))
    assert not caplog.records


def test_credentials_passed_with_plain_http_are_kept(kubeconfig: Any) -> None:
    """Whoever passes a token as an override beside an http address means it."""
    config = load_config(kubeconfig=kubeconfig(), host="http://h", bearer_token="t")
    assert config.bearer_token == "t"


def test_upper_case_scheme_is_https(kubeconfig: Any) -> None:
    """Schemes have no case."""
    config = load_config(kubeconfig=kubeconfig(cluster={"server": "HTTPS://h"}, user={"token": "t"}))
    assert config.bearer_token == "t"


@pytest.mark.parametrize(
    ("overrides", "field", "value"),
    [
        ({"host": "https://o"}, "host", "https://o"),
        ({"server": "https://o"}, "host", "https://o"),
        ({"namespace": "o"}, "namespace", "o"),
        ({"namespace": "ns/o"}, "namespace", "o"),
        ({"namespace": "Namespace/o"}, "namespace", "o"),
        ({"namespace": "NAMESPACES/o"}, "namespace", "o"),
        ({"namespace": "ns/ns/o"}, "namespace", "ns/o"),
        ({"token": "o"}, "bearer_token", "o"),
        ({"impersonate": "jane"}, "impersonate", Impersonation(user="jane")),
        ({"tls_server_name": "o"}, "tls_server_name", "o"),
        ({"proxy_url": "http://o"}, "proxy_url", "http://o"),
        ({"disable_compression": True}, "disable_compression", True),
        ({"timeout": 5}, "timeout", Timeout(5, 5)),
        ({"timeout": (1, None)}, "timeout", Timeout(1, None)),
        ({"qps": 5.0, "burst": 10}, "qps", 5.0),
        ({"user_agent": "me/1"}, "user_agent", "me/1"),
        ({"insecure": True}, "insecure", True),
        ({"strict_x509": True}, "strict_x509", True),
    ],
)
def test_overrides_win(kubeconfig: Any, overrides: dict[str, Any], field: str, value: Any) -> None:
    """A keyword wins over what the kubeconfig says."""
    document = kubeconfig(
        cluster={"server": "https://host:6443", "tls-server-name": "k", "proxy-url": "http://k"},
        user={"token": "k", "as": "k", "as-groups": ["k"]},
        context={"namespace": "k"},
    )
    assert getattr(load_config(kubeconfig=document, **overrides), field) == value


def test_none_and_empty_override_nothing(kubeconfig: Any) -> None:
    """An option that was not given may be passed on as None or ""."""
    document = kubeconfig(user={"token": "k"}, context={"namespace": "k"})
    plain = load_config(kubeconfig=document)
    assert load_config(None, kubeconfig=document, namespace=None, host="", token=None, cluster=None, user="") == plain


def test_user_and_cluster_can_be_chosen(kubeconfig: Any) -> None:
    """Another user or cluster than the context's can be named; it must exist."""
    document = kubeconfig(user={"token": "mine"})
    document["users"].append({"name": "admin", "user": {"token": "theirs"}})
    document["clusters"].append({"name": "stage", "cluster": {"server": "https://stage"}})
    config = load_config(kubeconfig=document, user="admin", cluster="stage")
    assert (config.host, config.bearer_token, config.context) == ("https://stage", "theirs", "ctx")
    for override in ({"user": "admn"}, {"cluster": "stag"}):
        with pytest.raises(ConfigError, match="is not defined; did you mean"):
            load_config(kubeconfig=document, **override)


def test_overriding_trust_replaces_all_of_it(kubeconfig: Any, tmp_path: Path) -> None:
    """A CA cancels the kubeconfig's insecure and CA; insecure cancels its CA; insisting on verification keeps it."""
    with_ca = kubeconfig(cluster={"server": "https://h", "certificate-authority-data": encoded("ca")})
    insecure = kubeconfig(cluster={"server": "https://h", "insecure-skip-tls-verify": True})
    assert load_config(kubeconfig=insecure, ca_file="/ca").insecure is False
    config = load_config(kubeconfig=with_ca, ca_file="/ca")
    assert (config.ca_file, config.ca_data) == ("/ca", None)
    config = load_config(kubeconfig=with_ca, insecure=True)
    assert (config.insecure, config.ca_data) == (True, None)
    assert load_config(kubeconfig=with_ca, insecure=False).ca_data == b"ca"
    assert load_config(kubeconfig=insecure, insecure=False).insecure is False


def test_overriding_the_server_drops_its_tls_name(kubeconfig: Any) -> None:
    """The name to expect belonged to the old server; a new one can be given along."""
    document = kubeconfig(cluster={"server": "https://h", "tls-server-name": "k"})
    assert load_config(kubeconfig=document, host="https://o").tls_server_name is None
    assert load_config(kubeconfig=document, host="https://o", tls_server_name="n").tls_server_name == "n"


def test_overriding_a_certificate_replaces_file_and_data(kubeconfig: Any) -> None:
    """File and data of certificate or key are one decision."""
    document = kubeconfig(user={"client-certificate-data": encoded("c"), "client-key-data": encoded("k")})
    config = load_config(kubeconfig=document, cert_file="/c", key_file="/k")
    assert (config.cert_file, config.cert_data, config.key_file, config.key_data) == ("/c", None, "/k", None)


def test_overriding_a_token_drops_the_token_file(kubeconfig: Any) -> None:
    """A token given by the caller is the one sent; client-go would go on using the file."""
    document = kubeconfig(user={"token": "k", "tokenFile": "/t"})
    config = load_config(kubeconfig=document, token="o")
    assert (config.bearer_token, config.bearer_token_file) == ("o", None)


def test_overriding_a_token_beside_basic_is_an_error(kubeconfig: Any) -> None:
    """Two methods at once are refused, as in client-go."""
    with pytest.raises(ConfigError, match="more than one authentication method"):
        load_config(kubeconfig=kubeconfig(user={"username": "u", "password": "p"}), token="o")


def test_override_makes_a_broken_field_irrelevant(kubeconfig: Any) -> None:
    """What is overridden is not checked: an unreadable CA does no harm when another is given."""
    document = kubeconfig(cluster={"certificate-authority": "/none", "proxy-url": "bad://"})
    config = load_config(kubeconfig=document, host="https://o", ca_data=b"x", proxy_url="http://p")
    assert config.ca_data == b"x"


def test_host_alone_is_a_configuration() -> None:
    """A host needs no kubeconfig, and gets no credentials from anywhere."""
    assert load_config(host="https://h") == Config(host="https://h")


@pytest.mark.parametrize(
    ("option", "near"),
    [
        ("hots", "host"),
        ("namespce", "namespace"),
        ("bearer_tokn", "bearer_token"),
        ("insecur", "insecure"),
        ("contxt", "context"),
    ],
)
def test_misspelt_override_is_a_type_error(kubeconfig: Any, option: str, near: str) -> None:
    """An unknown option is never ignored; the nearest one is named."""
    with pytest.raises(TypeError, match=f"no option '{option}'; did you mean '{near}'"):
        load_config(kubeconfig=kubeconfig(), **{option: "x"})


def test_option_under_two_names_is_a_type_error(kubeconfig: Any) -> None:
    """`host` and `server` are the same."""
    with pytest.raises(TypeError, match="another name of it"):
        load_config(kubeconfig=kubeconfig(), host="https://a", server="https://b")


def test_bad_override_value_is_a_config_error(kubeconfig: Any) -> None:
    """Values are checked like any other."""
    with pytest.raises(ConfigError, match="timeout"):
        load_config(kubeconfig=kubeconfig(), timeout=-1)


def test_ipv6_servers(kubeconfig: Any) -> None:
    """IPv6 addresses are understood in brackets."""
    url = load_config(kubeconfig=kubeconfig(cluster={"server": "https://[fd00::1]:6443"})).base_url
    assert (url.host, url.port, url.authority) == ("fd00::1", 6443, "[fd00::1]:6443")


def test_namespace_of_the_context_defaults(kubeconfig: Any) -> None:
    """Without a namespace anywhere, and outside a pod, it is "default"."""
    assert load_config(kubeconfig=kubeconfig()).namespace == "default"
