"""The table in docs/configuration.rst: every row holds, and every field and variable has a row."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dynkube.config import Config, Kubeconfig, load_config, schema
from dynkube.errors import ConfigError

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.rst"
V1 = "client.authentication.k8s.io/v1"
DATA = base64.b64encode(b"pem").decode()
EXTENSIONS = [{"name": "x", "extension": {"a": 1}}]

#: Builds a kubeconfig with one context; see conftest.
Build = Callable[..., dict[str, Any]]


def rows(title: str) -> list[str]:
    """Return the first cells of the table with this title."""
    table = DOCUMENT.read_text().split(f".. list-table:: {title}", 1)[1].split("\n\n", 2)[1]
    return re.findall(r"^   \* - ``(.+)``$", table, re.MULTILINE)


def cluster(build: Build, **fields: Any) -> Config:
    """Return the configuration of a cluster with these fields, beside its server."""
    return load_config(kubeconfig=build(cluster={"server": "https://h", **fields}))


def top(build: Build, **fields: Any) -> Config:
    """Return the configuration of a kubeconfig with these fields at its top."""
    document: dict[str, Any] = build()
    return load_config(kubeconfig=document | fields)


def user(build: Build, **fields: Any) -> Config:
    """Return the configuration of a user with these fields."""
    return load_config(kubeconfig=build(user=fields))


def plugin(build: Build, **fields: Any) -> Any:
    """Return the plug-in of a user with these fields."""
    values = {"apiVersion": V1, "command": "login", "interactiveMode": "Never", **fields}
    return user(build, exec=values).exec_provider


def refused(message: str, call: Callable[[], Any]) -> bool:
    """Tell whether the call is refused with this message."""
    with pytest.raises(ConfigError, match=message):
        call()
    return True


def file(content: str = "x") -> str:
    """Return the path of a file with this content, in the home directory of the test."""
    path = Path(os.environ["HOME"]) / "file"
    path.write_text(content)
    return str(path)


FIELDS: dict[str, Callable[[Build], Any]] = {
    "apiVersion": lambda b: refused("apiVersion is 'v2'", lambda: top(b, apiVersion="v2")),
    "kind": lambda b: refused("kind is 'Pod'", lambda: top(b, kind="Pod")),
    "current-context": lambda b: (
        load_config(kubeconfig=b()).context == "ctx"
        and refused("give one of ctx", lambda: load_config(kubeconfig=b(current=None)))
    ),
    "preferences": lambda b: top(b, preferences={"colors": True}).context == "ctx",
    "extensions": lambda b: (
        top(b, extensions=EXTENSIONS).context == "ctx"
        and refused("second extension", lambda: top(b, extensions=EXTENSIONS * 2))
    ),
    "clusters[].name": lambda b: (
        refused("has no name", lambda: top(b, clusters=[{"cluster": {}}]))
        and refused("second cluster", lambda: top(b, clusters=b()["clusters"] * 2))
    ),
    "clusters[].cluster.server": lambda b: (
        str(load_config(kubeconfig=b(cluster={"server": "https://h:1/p/?q#f"})).base_url) == "https://h:1/p"
        and load_config(kubeconfig=b(cluster={"server": "h:6443"})).base_url.scheme == "http"
    ),
    "clusters[].cluster.tls-server-name": lambda b: cluster(b, **{"tls-server-name": "n"}).tls_server_name == "n",
    "clusters[].cluster.insecure-skip-tls-verify": lambda b: (
        cluster(b, **{"insecure-skip-tls-verify": True}).insecure
        and refused(
            "choose one",
            lambda: cluster(b, **{"insecure-skip-tls-verify": True, "certificate-authority-data": DATA}),
        )
    ),
    "clusters[].cluster.certificate-authority": lambda b: (
        cluster(b, **{"certificate-authority": file()}).ca_file == file()
        and refused("cannot be read", lambda: cluster(b, **{"certificate-authority": "/none"}))
    ),
    "clusters[].cluster.certificate-authority-data": lambda b: (
        cluster(b, **{"certificate-authority-data": DATA}).ca_data == b"pem"
        and refused(
            "keep one", lambda: cluster(b, **{"certificate-authority-data": DATA, "certificate-authority": file()})
        )
    ),
    "clusters[].cluster.proxy-url": lambda b: cluster(b, **{"proxy-url": "socks5://p:1"}).proxy_url == "socks5://p:1",
    "clusters[].cluster.disable-compression": lambda b: cluster(b, **{"disable-compression": True}).disable_compression,
    "clusters[].cluster.extensions": lambda b: (
        load_config(
            kubeconfig=b(
                cluster={
                    "server": "https://h",
                    "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": 7}],
                },
                user={"exec": {"apiVersion": V1, "command": "x", "interactiveMode": "Never"}},
            )
        ).exec_provider.cluster_extension  # type: ignore[union-attr]
        == 7
    ),
    "users[].user.client-certificate": lambda b: (
        user(b, **{"client-certificate": file(), "client-key-data": DATA}).cert_file == file()
        and refused("without its key", lambda: user(b, **{"client-certificate": file()}))
        and refused("cannot be read", lambda: user(b, **{"client-certificate": "/none", "client-key-data": DATA}))
    ),
    "users[].user.client-certificate-data": lambda b: (
        user(b, **{"client-certificate-data": DATA, "client-key-data": DATA}).cert_data == b"pem"
        and refused("keep one", lambda: user(b, **{"client-certificate-data": DATA, "client-certificate": file()}))
    ),
    "users[].user.client-key": lambda b: (
        user(b, **{"client-certificate-data": DATA, "client-key": file()}).key_file == file()
        and refused("without its certificate", lambda: user(b, **{"client-key": file()}))
    ),
    "users[].user.client-key-data": lambda b: (
        user(b, **{"client-certificate-data": DATA, "client-key-data": DATA}).key_data == b"pem"
        and refused("keep one", lambda: user(b, **{"client-key-data": DATA, "client-key": file()}))
    ),
    "users[].user.token": lambda b: (
        user(b, token="t").bearer_token == "t"
        and refused("more than one", lambda: user(b, token="t", username="u", password="p"))
    ),
    "users[].user.tokenFile": lambda b: (
        user(b, tokenFile=file(), token="t").authentication == f"token file {file()}"
        and refused("cannot be read", lambda: user(b, tokenFile="/none"))
    ),
    "users[].user.username": lambda b: user(b, username="u", password="p").username == "u",
    "users[].user.password": lambda b: user(b, username="u", password="p").password == "p",
    "users[].user.as": lambda b: user(b, **{"as": "jane"}).impersonate.user == "jane",  # type: ignore[union-attr]
    "users[].user.as-uid": lambda b: (
        user(b, **{"as": "jane", "as-uid": "7"}).impersonate.uid == "7"  # type: ignore[union-attr]
        and refused("without as", lambda: user(b, **{"as-uid": "7"}))
    ),
    "users[].user.as-groups": lambda b: (
        user(b, **{"as": "jane", "as-groups": ["g"]}).impersonate.groups == ("g",)  # type: ignore[union-attr]
        and refused("without as", lambda: user(b, **{"as-groups": ["g"]}))
    ),
    "users[].user.as-user-extra": lambda b: (
        user(b, **{"as": "j", "as-user-extra": {"k": ["v"]}}).impersonate.extra == {"k": ("v",)}  # type: ignore[union-attr]
        and refused("without as", lambda: user(b, **{"as-user-extra": {"k": ["v"]}}))
    ),
    "users[].user.auth-provider": lambda b: (
        user(b, **{"auth-provider": {"name": "oidc"}}).authentication == "auth provider oidc"
        and refused("gke-gcloud-auth-plugin", lambda: user(b, **{"auth-provider": {"name": "gcp"}}))
        and refused("kubelogin", lambda: user(b, **{"auth-provider": {"name": "azure"}}))
    ),
    "users[].user.exec.apiVersion": lambda b: (
        plugin(b, apiVersion="client.authentication.k8s.io/v1beta1").api_version.endswith("v1beta1")
        and refused("v1alpha1", lambda: plugin(b, apiVersion="client.authentication.k8s.io/v1alpha1"))
    ),
    "users[].user.exec.command": lambda b: plugin(b, command="aws").command == "aws",
    "users[].user.exec.args": lambda b: plugin(b, args=["a", "b"]).args == ("a", "b"),
    "users[].user.exec.env": lambda b: (
        plugin(b, env=[{"name": "A", "value": "1"}]).env == (("A", "1"),)
        and refused("has no name", lambda: plugin(b, env=[{"value": "1"}]))
    ),
    "users[].user.exec.installHint": lambda b: plugin(b, installHint="a\x1bb").install_hint == "a\ufffdb",
    "users[].user.exec.provideClusterInfo": lambda b: plugin(b, provideClusterInfo=True).provide_cluster_info,
    "users[].user.exec.interactiveMode": lambda b: (
        plugin(b, interactiveMode="Always").interactive_mode == "Always"
        and refused("interactiveMode is missing", lambda: plugin(b, interactiveMode=None))
        and plugin(b, apiVersion=f"{V1}beta1", interactiveMode=None).interactive_mode == "IfAvailable"
    ),
    "users[].user.extensions": lambda b: user(b, extensions=EXTENSIONS).authentication == "anonymous",
    "contexts[].context.cluster": lambda b: refused(
        "no cluster is configured", lambda: load_config(kubeconfig=b(context={"cluster": "gone"}))
    ),
    "contexts[].context.user": lambda b: (
        load_config(kubeconfig=b(context={"user": ""})).authentication == "anonymous"
        and refused("no file defines it", lambda: load_config(kubeconfig=b(context={"user": "gone"})))
    ),
    "contexts[].context.namespace": lambda b: load_config(kubeconfig=b(context={"namespace": "n"})).namespace == "n",
    "contexts[].context.extensions": lambda b: load_config(kubeconfig=b(context={"extensions": EXTENSIONS})).context,
}


def kubeconfig_variable(build: Build, patch: pytest.MonkeyPatch) -> bool:
    """Check that the files are read in order, without empty entries and repetitions."""
    path = file(json.dumps(build()))
    patch.setenv("KUBECONFIG", os.pathsep.join(["", path, path]))
    return [found.path for found in Kubeconfig.load().files] == [path]


def home_variable(build: Build, patch: pytest.MonkeyPatch) -> bool:
    """Check that .kube/config is looked for below it."""
    folder = Path(os.environ["HOME"]) / "other" / ".kube"
    folder.mkdir(parents=True)
    (folder / "config").write_text(json.dumps(build()))
    patch.setenv("HOME", str(folder.parent))
    return load_config().context == "ctx"


def service_variables(build: Build, patch: pytest.MonkeyPatch) -> bool:
    """Check that both together give the address."""
    patch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    patch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    return load_config().host == "https://[fd00::1]:6443"


def namespace_variable(build: Build, patch: pytest.MonkeyPatch) -> bool:
    """Check that it decides where nothing else does."""
    patch.setenv("POD_NAMESPACE", "pod")
    found = load_config(kubeconfig=build()), load_config(kubeconfig=build(context={"namespace": "n"}))
    return [config.namespace for config in found] == ["pod", "n"]


def master_variable(build: Build, patch: pytest.MonkeyPatch) -> bool:
    """Check that it configures nothing."""
    patch.delenv("KUBERNETES_SERVICE_HOST")
    patch.setenv("KUBERNETES_MASTER", "http://localhost:8080")
    return refused("nothing is configured", load_config)


VARIABLES: dict[str, Callable[[Build, pytest.MonkeyPatch], bool]] = {
    "KUBECONFIG": kubeconfig_variable,
    "HOME": home_variable,
    "KUBERNETES_SERVICE_HOST": service_variables,
    "KUBERNETES_SERVICE_PORT": service_variables,
    "POD_NAMESPACE": namespace_variable,
    "KUBERNETES_MASTER": master_variable,
}


@pytest.mark.parametrize("row", rows("Every field, and what dynkube does with it"))
def test_row_about_a_field_holds(row: str, kubeconfig: Build) -> None:
    """What the table says of the field is what happens."""
    assert FIELDS[row](kubeconfig)


@pytest.mark.parametrize("row", rows("Variables that decide what is configured"))
def test_row_about_a_variable_holds(row: str, kubeconfig: Build, pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the table says of the variable is what happens."""
    assert VARIABLES[row](kubeconfig, monkeypatch)


def test_every_field_has_a_row() -> None:
    """The schema and the table name the same fields, and every row has its check."""
    expected = {*schema.TOP_FIELDS, "clusters[].name"}
    for section, (kind, fields) in schema.SECTIONS.items():
        expected |= {f"{section}[].{kind}.{field}" for field in fields if field != "exec"}
    expected |= {f"users[].user.exec.{field}" for field in schema.EXEC_FIELDS}
    assert set(rows("Every field, and what dynkube does with it")) == expected == set(FIELDS)


def test_every_variable_has_a_row() -> None:
    """Every variable the configuration reads is in the table."""
    folder = Path(schema.__file__).parent
    read = set()
    for path in folder.glob("*.py"):
        read |= set(re.findall(r'environ\.get\("([A-Z_]+)"|KUBECONFIG = "([A-Z_]+)"', path.read_text()))
    names = {name for pair in read for name in pair if name}
    table = rows("Variables that decide what is configured")
    assert set(table) == set(VARIABLES)
    assert names <= set(table) | {"HOMEDRIVE", "HOMEPATH", "USERPROFILE"}
