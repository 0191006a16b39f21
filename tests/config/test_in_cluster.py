"""The configuration of a pod, and when it is used."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import load_config
from dynkube.config.in_cluster import in_cluster_config, in_cluster_namespace, in_cluster_possible
from dynkube.errors import ConfigError, NoConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_service_account_is_the_configuration(pod: Path) -> None:
    """Address, token, its file, CA and namespace come from what the kubelet provides."""
    config = in_cluster_config()
    assert config.host == "https://10.0.0.1:443"
    assert (config.bearer_token, config.bearer_token_file) == ("pod-token", str(pod / "token"))
    assert config.ca_file == str(pod / "ca.crt")
    assert config.namespace == "pod-namespace"
    assert config.context is None
    assert config.authentication == f"token file {pod / 'token'}"


@pytest.mark.parametrize(
    ("host", "expected"), [("fd00::1", "https://[fd00::1]:443"), ("kubernetes.svc", "https://kubernetes.svc:443")]
)
def test_addresses(pod: Path, monkeypatch: pytest.MonkeyPatch, host: str, expected: str) -> None:
    """IPv6 addresses get brackets, names are kept."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    config = in_cluster_config()
    assert config.host == expected
    assert config.base_url.host == host


@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
@pytest.mark.parametrize("value", [None, ""])
def test_both_variables_are_needed(pod: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    """Without host or port this is no pod."""
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    assert not in_cluster_possible()
    with pytest.raises(NoConfigError, match="not in a pod"):
        in_cluster_config()


def test_token_must_be_there(pod: Path) -> None:
    """A pod without a mounted token cannot be used, and is not fallen back to."""
    (pod / "token").unlink()
    assert not in_cluster_possible()
    with pytest.raises(NoConfigError, match="token cannot be read: No such file"):
        in_cluster_config()
    (pod / "token").mkdir()
    assert not in_cluster_possible()


def test_empty_token_is_an_error(pod: Path) -> None:
    """An empty token would make anonymous requests."""
    (pod / "token").write_text("\n")
    with pytest.raises(NoConfigError, match="token is empty"):
        in_cluster_config()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_unusable_ca_is_logged_and_left_out(pod: Path, content: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """Without a CA the system's roots are used, as in client-go; the log says so."""
    if content is None:
        (pod / "ca.crt").unlink()
    else:
        (pod / "ca.crt").write_text(content)
    with caplog.at_level(logging.ERROR):
        assert in_cluster_config().ca_file is None
    assert "not used as certificate authority" in caplog.text


def test_pod_is_used_when_nothing_is_configured(pod: Path) -> None:
    """Without any kubeconfig the service account is the configuration."""
    assert load_config() == in_cluster_config()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"contexts": [{"name": "a"}]},
        {"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "gone"}}]},
    ],
)
def test_pod_is_used_when_a_kubeconfig_configures_no_cluster(
    pod: Path, document: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An empty configuration, no current context, or no cluster: client-go's "empty config"; a warning says so."""
    with caplog.at_level(logging.WARNING):
        assert load_config(kubeconfig=document) == in_cluster_config()
    assert "using the service account of this pod" in caplog.text


def test_usable_kubeconfig_beats_the_pod(pod: Path, kubeconfig: Any) -> None:
    """A kubeconfig that configures a cluster is used in a pod, too."""
    assert load_config(kubeconfig=kubeconfig()).host == "https://host:6443"


@pytest.mark.parametrize(
    "fields",
    [
        {"cluster": {"insecure-skip-tls-verify": True}},
        {"user": {"token": "t", "username": "u"}},
        {"context": {"user": "gone"}},
        {"current": "gone"},
        {"cluster": {"server": "ftp://h"}},
    ],
)
def test_broken_kubeconfig_is_no_reason_to_use_the_pod(pod: Path, kubeconfig: Any, fields: dict[str, Any]) -> None:
    """An error in what is configured is shown, not covered by other credentials."""
    with pytest.raises(ConfigError):
        load_config(kubeconfig=kubeconfig(**fields))


@pytest.mark.parametrize("asked", [{"context": "a"}, {"user": "a"}, {"cluster": "a"}])
def test_stanza_asked_for_is_never_replaced_by_the_pod(pod: Path, asked: dict[str, str]) -> None:
    """A context, user or cluster asked for by name must exist."""
    with pytest.raises(ConfigError, match="'a' is not defined"):
        load_config(**asked)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"token": "o"}, {"bearer_token": "o", "bearer_token_file": None}),
        ({"bearer_token_file": "/o"}, {"bearer_token": None, "bearer_token_file": "/o"}),
        ({"ca_file": "/o"}, {"ca_file": "/o"}),
        ({"insecure": True}, {"insecure": True, "ca_file": None}),
        ({"namespace": "o"}, {"namespace": "o"}),
        ({"timeout": 5, "qps": 7.0}, {"qps": 7.0}),
    ],
)
def test_overrides_apply_in_a_pod(pod: Path, overrides: dict[str, Any], expected: dict[str, Any]) -> None:
    """All overrides are honoured: client-go ignores most of them here in silence."""
    config = load_config(**overrides)
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.host == "https://10.0.0.1:443"


def test_host_override_is_a_configuration_of_its_own(pod: Path) -> None:
    """With a host given the pod's token is not sent to it."""
    assert load_config(host="https://elsewhere").bearer_token is None


def test_namespace_of_the_pod_variable_wins(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """POD_NAMESPACE wins over the service account's file."""
    monkeypatch.setenv("POD_NAMESPACE", "variable")
    assert in_cluster_namespace() == "variable"
    assert load_config().namespace == "variable"


@pytest.mark.parametrize("content", [None, " \n"])
def test_namespace_falls_back_to_default(pod: Path, content: str | None) -> None:
    """A missing or empty file means "default"."""
    if content is None:
        (pod / "namespace").unlink()
    else:
        (pod / "namespace").write_text(content)
    assert in_cluster_config().namespace == "default"


@pytest.mark.parametrize(
    ("context", "overrides", "expected"),
    [
        ({}, {}, "pod-namespace"),
        ({"namespace": "default"}, {}, "default"),
        ({"namespace": "ctx"}, {}, "ctx"),
        ({}, {"namespace": "override"}, "override"),
        ({"namespace": "ctx"}, {"namespace": "override"}, "override"),
    ],
)
def test_namespace_of_a_kubeconfig_used_in_a_pod(
    pod: Path, kubeconfig: Any, context: dict[str, str], overrides: dict[str, str], expected: str
) -> None:
    """Only where nobody states a namespace is it the pod's; a stated "default" is meant."""
    assert load_config(kubeconfig=kubeconfig(context=context), **overrides).namespace == expected


def test_namespace_variable_outside_a_pod_is_ignored(monkeypatch: pytest.MonkeyPatch, kubeconfig: Any) -> None:
    """POD_NAMESPACE alone does not make a pod."""
    monkeypatch.setenv("POD_NAMESPACE", "x")
    assert load_config(kubeconfig=kubeconfig()).namespace == "default"


def test_nothing_at_all_says_where_it_looked(nothing_configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the file that is missing, and never offers localhost:8080."""
    with pytest.raises(NoConfigError, match=r"\.kube/config does not exist, and this is no pod"):
        load_config()
    monkeypatch.delenv("HOME")
    with pytest.raises(NoConfigError, match="no home directory"):
        load_config()
