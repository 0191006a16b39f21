"""An environment without any configuration but the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from dynkube.config import in_cluster
from dynkube.objects import dump_yaml

if TYPE_CHECKING:
    from pathlib import Path

CA = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"


class Write(Protocol):
    """Writes a file below the test's folder and returns its path."""

    def __call__(self, content: str | dict[str, Any], name: str = "config") -> str:
        """Write text, or a mapping as YAML."""
        ...


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No KUBECONFIG, an empty home directory, no pod; returns the home directory."""
    for name in ("KUBECONFIG", "POD_NAMESPACE", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(in_cluster, "SERVICE_ACCOUNT", tmp_path / "no-service-account")
    return home


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a kubeconfig, given as text or as a mapping."""

    def write_file(content: str | dict[str, Any], name: str = "config") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else dump_yaml(content))
        return str(path)

    return write_file


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make the process look like a pod; returns the folder of its service account."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("pod-token\n")
    (folder / "ca.crt").write_text(CA)
    (folder / "namespace").write_text("pod-namespace\n")
    monkeypatch.setattr(in_cluster, "SERVICE_ACCOUNT", folder)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return folder


def kubeconfig(
    *,
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    current: str | None = "ctx",
) -> dict[str, Any]:
    """Return a kubeconfig with one context "ctx" of cluster "c" and user "u", with these fields."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://host:6443"} if cluster is None else cluster}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "ctx", "context": {"cluster": "c", "user": "u", **(context or {})}}],
    }
    if current is not None:
        document["current-context"] = current
    return document


@pytest.fixture(name="kubeconfig")
def kubeconfig_fixture() -> Any:
    """Give the builder of kubeconfigs to tests, which cannot import a conftest."""
    return kubeconfig
