"""What must hold before a kubeconfig can be used."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Kubeconfig, load_config
from dynkube.config.validation import check_all
from dynkube.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from config.conftest import Write

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
DATA = base64.b64encode(b"x").decode()
PLUGIN = {"apiVersion": V1, "command": "x", "interactiveMode": "Never"}


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        ({"proxy-url": "http://p"}, "no server"),
        ({"server": ""}, "no server"),
        ({"server": "ftp://h"}, "only http and https"),
        ({"server": "h/path"}, "has a path but no scheme"),
        ({"server": "https://h", "proxy-url": "ftp://p"}, "the scheme must be one of http, https, socks5"),
        ({"server": "https://h", "proxy-url": "p:8080"}, "the scheme must be one of"),
        ({"server": "https://h", "proxy-url": "http://"}, "names no host"),
        ({"server": "https://h", "proxy-url": "http://p:x"}, "proxy-url"),
        ({"server": "https://h", "proxy-url": "http://[::1"}, "proxy-url"),
        (
            {"server": "https://h", "certificate-authority": "/dev/null", "certificate-authority-data": DATA},
            "both certificate-authority and certificate-authority-data are set",
        ),
        (
            {"server": "https://h", "certificate-authority": "/none"},
            "certificate-authority /none cannot be read: No such",
        ),
        (
            {"server": "https://h", "certificate-authority-data": DATA, "insecure-skip-tls-verify": True},
            "insecure-skip-tls-verify together with a certificate authority",
        ),
    ],
)
def test_cluster_rules(kubeconfig: Any, cluster: dict[str, Any], problem: str) -> None:
    """Each rule about clusters, with the stanza named."""
    with pytest.raises(ConfigError, match=f"cluster 'c': .*{problem}"):
        load_config(kubeconfig=kubeconfig(cluster=cluster))


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        (
            {"client-certificate": "/dev/null", "client-certificate-data": DATA, "client-key-data": DATA},
            "both client-certificate and client-certificate-data are set",
        ),
        (
            {"client-certificate-data": DATA, "client-key": "/dev/null", "client-key-data": DATA},
            "both client-key and client-key-data are set",
        ),
        ({"client-certificate-data": DATA}, "a client certificate without its key"),
        ({"client-key-data": DATA}, "a client key without its certificate"),
        ({"client-certificate": "/none", "client-key-data": DATA}, "client-certificate /none cannot be read"),
        ({"client-certificate-data": DATA, "client-key": "/none"}, "client-key /none cannot be read"),
        ({"token": "t", "username": "u", "password": "p"}, "more than one authentication method: token, username"),
        ({"tokenFile": "/dev/null", "username": "u"}, "more than one authentication method: tokenFile, username"),
        ({"tokenFile": "/none"}, "tokenFile /none cannot be read"),
        ({"exec": {**PLUGIN, "command": ""}}, "exec.command is empty"),
        ({"exec": {}}, "exec.command is empty"),
        ({"exec": {**PLUGIN, "apiVersion": ""}}, "exec.apiVersion is empty"),
        ({"exec": {**PLUGIN, "apiVersion": "client.authentication.k8s.io/v1alpha1"}}, "v1alpha1' is not one of"),
        ({"exec": {**PLUGIN, "env": [{"value": "x"}]}}, r"exec.env\[0\] has no name"),
        ({"exec": {"apiVersion": V1, "command": "x"}}, "exec.interactiveMode is missing"),
        ({"exec": {**PLUGIN, "interactiveMode": "Maybe"}}, "exec.interactiveMode 'Maybe' is not one of"),
        ({"exec": PLUGIN, "auth-provider": {"name": "oidc"}}, "both exec and auth-provider are set"),
        ({"auth-provider": {"name": "gcp"}}, "'gcp' no longer exists in Kubernetes; use exec with gke-gcloud"),
        ({"auth-provider": {"name": "azure"}}, "use exec with kubelogin"),
        ({"auth-provider": {}}, "auth-provider '' is unknown"),
        ({"token": "t\n"}, "token contains a line break"),
        ({"username": "u\r", "password": "p"}, "username contains a line break"),
        ({"username": "u:v", "password": "p"}, "username contains ':'"),
        ({"as": "j", "as-groups": ["a\nb"]}, "as-groups contains a line break"),
        ({"as": "j", "as-user-extra": {"a": ["b\x00"]}}, "as-user-extra contains a line break"),
        ({"as-uid": "1"}, "as-uid without as"),
        ({"as-groups": ["a"]}, "as-groups without as"),
        ({"as-user-extra": {"a": ["b"]}}, "as-user-extra without as"),
    ],
)
def test_user_rules(kubeconfig: Any, user: dict[str, Any], problem: str) -> None:
    """Each rule about users, with the stanza named."""
    with pytest.raises(ConfigError, match=f"user 'u': .*{problem}"):
        load_config(kubeconfig=kubeconfig(user=user))


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"token": "t"},
        {"username": "u", "password": "p"},
        {"client-certificate-data": DATA, "client-key-data": DATA},
        {"client-certificate": "/dev/null", "client-key": "/dev/null"},
        {"client-certificate-data": DATA, "client-key-data": DATA, "token": "t"},
        {"exec": PLUGIN},
        {"exec": {"apiVersion": V1BETA1, "command": "x"}},
        {"exec": {**PLUGIN, "env": [{"name": "A", "value": ""}]}},
        {"as": "jane"},
        {"as": "jane", "as-uid": "1", "as-groups": ["a"], "as-user-extra": {"a": ["b"]}},
        {"as-groups": [], "as-user-extra": {}},
        {"auth-provider": {"name": "oidc", "config": {}}},
    ],
)
def test_usable_users(kubeconfig: Any, user: dict[str, Any]) -> None:
    """What client-go accepts is accepted."""
    document = kubeconfig(user=user)
    assert load_config(kubeconfig=document).context == "ctx"
    assert check_all(Kubeconfig.load(document)) == []


def test_every_problem_in_use_is_listed_with_its_file(write: Write) -> None:
    """Cluster and user, each with its own file, in one error."""
    one = write("clusters: [{name: c, cluster: {server: 'ftp://h', proxy-url: 'x://y'}}]", "1")
    two = write("users: [{name: u, user: {token: t, username: u, as-uid: '1'}}]", "2")
    three = write("{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}]}", "3")
    with pytest.raises(ConfigError) as caught:
        load_config(kubeconfig=[one, two, three])
    places = [problem.split(":")[0] for problem in caught.value.problems]
    assert places == [one, one, two, two]
    assert caught.value.path is None
    assert str(caught.value).startswith("invalid configuration: \n  ")


def test_stanzas_not_in_use_may_be_broken(kubeconfig: Any) -> None:
    """A bad cluster nobody uses does not stop the good one from being used; a check of everything finds it."""
    document = kubeconfig()
    document["clusters"].append({"name": "bad", "cluster": {"server": "ftp://h"}})
    document["users"].append({"name": "bad", "user": {"token": "t", "username": "u"}})
    document["contexts"].append({"name": "bad", "context": {"cluster": "gone", "namespace": "Not_A_Label"}})
    assert load_config(kubeconfig=document).host == "https://host:6443"
    assert check_all(Kubeconfig.load(document)) == [
        "context 'bad': cluster 'gone' is not defined",
        "context 'bad': no user",
        "context 'bad': namespace 'Not_A_Label' is no DNS label",
        "user 'bad': more than one authentication method: token, username and password; keep one",
        "cluster 'bad': server 'ftp://h' has the scheme 'ftp'; only http and https are possible",
    ]


def test_check_of_everything_finds_a_dangling_current_context(kubeconfig: Any) -> None:
    """The current context is checked, too; an empty configuration has nothing wrong with it."""
    assert check_all(Kubeconfig.load(kubeconfig(current="gone"))) == ["current-context 'gone' is not defined"]
    assert check_all(Kubeconfig()) == []


def test_secrets_stay_out_of_messages(kubeconfig: Any, tmp_path: Path) -> None:
    """Passwords in URLs, tokens and plug-in variables are in no message."""
    document = kubeconfig(
        cluster={"server": "https://me:hush@h", "proxy-url": "ftp://me:hush@p"},
        user={"token": "hush", "username": "u", "password": "hush", "exec": {"env": [{"value": "hush"}]}},
    )
    with pytest.raises(ConfigError) as caught:
        load_config(kubeconfig=document)
    assert len(caught.value.problems) == 6
    assert "hush" not in str(caught.value)
