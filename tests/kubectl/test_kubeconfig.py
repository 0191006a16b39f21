"""Kubeconfig files shared with kubectl: either reads what the other wrote, and both keep out while one writes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Kubeconfig, load_config, view, writing
from dynkube.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PEM = b"-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"
PLUGIN = {
    "apiVersion": "client.authentication.k8s.io/v1beta1",
    "command": "aws",
    "args": ["eks", "get-token"],
    "env": [{"name": "AWS_PROFILE", "value": "me"}],
    "provideClusterInfo": False,
    "interactiveMode": "Never",
}

#: Runs ``kubectl config`` on files and returns how it ended.
Config = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def config(program: str, tmp_path: Path) -> Config:
    """Return ``kubectl config`` on the files given as ``files``, with a home of its own."""

    def run(*words: str, files: list[Path], check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "KUBECONFIG": os.pathsep.join(str(file) for file in files),
        }
        command = [program, "config", *words]
        run = subprocess.run(
            command, capture_output=True, check=False, cwd=tmp_path, env=environment, text=True, timeout=90
        )
        if "unsafe_map.go" in run.stderr:
            pytest.skip("this kubectl crashes on any user it writes or prints: Debian's 1.20, built with a newer Go")
        assert not check or run.returncode == 0, f"{command}: {run.stdout}{run.stderr}"
        return run

    return run


def seen(config: Config, files: list[Path]) -> dict[str, Any]:
    """Return the merged configuration as kubectl sees it, without what it prints for being empty."""
    document: dict[str, Any] = json.loads(config("view", "--raw", "-o", "json", files=files).stdout)
    document.pop("preferences", None)
    for section, kind in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        for entry in document.get(section) or ():
            plugin = entry[kind].get("exec")
            # kubectl before 1.22 does not know the mode and the hint.
            for key in ("interactiveMode", "installHint"):
                if plugin:
                    plugin.pop(key, None)
        document[section] = sorted(document.get(section) or (), key=lambda entry: str(entry["name"]))
    return document


def test_kubectl_reads_what_dynkube_writes(config: Config, tmp_path: Path) -> None:
    """Clusters, users, contexts and the current one, written anew, are the same to kubectl."""
    path = tmp_path / "kubeconfig"
    (tmp_path / "ca.crt").write_bytes(PEM)
    data = base64.b64encode(PEM).decode()
    writing.set_cluster(
        "c", {"server": "https://h:6443", "certificate-authority": str(tmp_path / "ca.crt")}, kubeconfig=path
    )
    writing.set_cluster("d", {"server": "https://d", "insecure-skip-tls-verify": True}, kubeconfig=path)
    writing.set_user("token", {"token": "t0ken-for-kubectl"}, kubeconfig=path)
    writing.set_user("basic", {"username": "me", "password": "1234567"}, kubeconfig=path)
    writing.set_user("certificate", {"client-certificate-data": data, "client-key-data": data}, kubeconfig=path)
    writing.set_user("plugin", {"exec": PLUGIN}, kubeconfig=path)
    writing.set_context("ctx", {"cluster": "c", "user": "token", "namespace": "on"}, kubeconfig=path)
    writing.use_context("ctx", kubeconfig=path)
    document = seen(config, [path])
    assert document["current-context"] == "ctx"
    clusters = {entry["name"]: entry["cluster"] for entry in document["clusters"]}
    assert clusters["c"] == {"server": "https://h:6443", "certificate-authority": "ca.crt"} or clusters["c"] == {
        "server": "https://h:6443",
        "certificate-authority": str(tmp_path / "ca.crt"),
    }
    assert clusters["d"] == {"server": "https://d", "insecure-skip-tls-verify": True}
    users = {entry["name"]: entry["user"] for entry in document["users"]}
    assert users["token"] == {"token": "t0ken-for-kubectl"}
    assert users["basic"] == {"username": "me", "password": "1234567"}
    assert users["certificate"] == {"client-certificate-data": data, "client-key-data": data}
    assert users["plugin"]["exec"]["args"] == ["eks", "get-token"]
    assert document["contexts"] == [{"name": "ctx", "context": {"cluster": "c", "user": "token", "namespace": "on"}}]


def test_dynkube_reads_what_kubectl_writes(config: Config, tmp_path: Path) -> None:
    """What ``kubectl config set-…`` stores is resolved to the same server, trust and credentials."""
    path = tmp_path / "kubeconfig"
    (tmp_path / "ca.crt").write_bytes(PEM)
    files = [path]
    config("set-cluster", "c", "--server=https://h:6443", "--certificate-authority=ca.crt", files=files)
    config("set-cluster", "e", "--server=https://e", "--certificate-authority=ca.crt", "--embed-certs", files=files)
    config("set-cluster", "n", "--server=https://n", "--tls-server-name=name", files=files)
    config("set-credentials", "token", "--token=t0ken-of-kubectl", files=files)
    config("set-credentials", "basic", "--username=me", "--password=0x1234567", files=files)
    config(
        *("set-credentials", "plugin", "--exec-command=aws", "--exec-arg=eks", "--exec-arg=get-token"),
        *("--exec-env=AWS_PROFILE=me", "--exec-api-version=client.authentication.k8s.io/v1beta1"),
        files=files,
    )
    for name, cluster in (("token", "c"), ("basic", "e"), ("plugin", "n")):
        config("set-context", name, f"--cluster={cluster}", f"--user={name}", "--namespace=true", files=files)
    config("use-context", "basic", files=files)
    current = load_config(kubeconfig=path)
    assert (current.context, current.host, current.ca_data, current.namespace) == ("basic", "https://e", PEM, "true")
    assert (current.username, current.password) == ("me", "0x1234567")
    token = load_config("token", kubeconfig=path)
    assert (token.host, token.bearer_token) == ("https://h:6443", "t0ken-of-kubectl")
    assert token.ca_file == str(tmp_path / "ca.crt")
    plugin = load_config("plugin", kubeconfig=path)
    assert plugin.tls_server_name == "name"
    assert plugin.exec_provider is not None
    assert plugin.exec_provider.args == ("eks", "get-token")
    assert plugin.exec_provider.env == (("AWS_PROFILE", "me"),)


def test_both_merge_several_files_alike(config: Config, tmp_path: Path) -> None:
    """Of two files that name the same things the same ones win, and each change goes into the same file."""
    first, second, missing = tmp_path / "first", tmp_path / "second", tmp_path / "missing"
    writing.set_cluster("both", {"server": "https://first"}, kubeconfig=first)
    writing.set_cluster("both", {"server": "https://second"}, kubeconfig=second)
    writing.set_cluster("other", {"server": "https://other"}, kubeconfig=second)
    writing.set_user("u", {"token": "t0ken-of-second"}, kubeconfig=second)
    writing.set_context("ctx", {"cluster": "other", "user": "u"}, kubeconfig=second)
    files = [missing, first, second]
    expected = view.merged(Kubeconfig.load([first, second]))
    assert {entry["name"]: entry["cluster"] for entry in seen(config, files)["clusters"]} == {
        entry["name"]: entry["cluster"] for entry in expected["clusters"]
    }
    config("set-context", "ctx", "--namespace=by-kubectl", files=files)
    assert load_config("ctx", kubeconfig=second).namespace == "by-kubectl"
    writing.set_context("ctx", {"namespace": "by-dynkube"}, kubeconfig=files)
    (context,) = seen(config, files)["contexts"]
    assert context["context"]["namespace"] == "by-dynkube"
    config("use-context", "ctx", files=files)
    by_kubectl = {file.name for file in files if file.exists() and Kubeconfig.load(file).current_context}
    writing.clear_current_context(kubeconfig=files)
    assert not any(Kubeconfig.load(file).current_context for file in files if file.exists())
    writing.use_context("ctx", kubeconfig=files)
    assert by_kubectl == {file.name for file in files if file.exists() and Kubeconfig.load(file).current_context}


def test_both_honour_the_lock(config: Config, tmp_path: Path) -> None:
    """While ``<file>.lock`` is there neither writes, and both say so; afterwards both do, and leave no lock."""
    path = tmp_path / "kubeconfig"
    writing.set_cluster("c", {"server": "https://h"}, kubeconfig=path)
    before = path.read_bytes()
    lock = tmp_path / "kubeconfig.lock"
    lock.touch()
    refused = config("set-cluster", "c", "--server=https://kubectl", files=[path], check=False)
    assert refused.returncode != 0
    assert "lock" in refused.stderr
    with pytest.raises(ConfigError, match="is being changed by another process"):
        writing.set_cluster("c", {"server": "https://dynkube"}, kubeconfig=path)
    assert path.read_bytes() == before
    lock.unlink()
    config("set-cluster", "c", "--server=https://kubectl", files=[path])
    writing.set_cluster("d", {"server": "https://dynkube"}, kubeconfig=path)
    assert not lock.exists()
    assert {stanza.text("server") for stanza in Kubeconfig.load(path).clusters.values()} == {
        "https://kubectl",
        "https://dynkube",
    }


def test_what_one_deletes_and_renames_the_other_misses(config: Config, tmp_path: Path) -> None:
    """Deletions and new names of either are seen by the other at once."""
    path = tmp_path / "kubeconfig"
    for name in ("a", "b"):
        writing.set_cluster(name, {"server": f"https://{name}"}, kubeconfig=path)
        writing.set_user(name, {"token": f"t0ken-of-{name}"}, kubeconfig=path)
        writing.set_context(name, {"cluster": name, "user": name}, kubeconfig=path)
    writing.use_context("a", kubeconfig=path)
    config("delete-cluster", "b", files=[path])
    config("rename-context", "a", "renamed", files=[path])
    found = Kubeconfig.load(path)
    assert (set(found.clusters), found.current_context) == ({"a"}, "renamed")
    writing.delete_context("b", kubeconfig=path)
    writing.rename_context("renamed", "a", kubeconfig=path)
    writing.delete_user("b", kubeconfig=path)
    document = seen(config, [path])
    assert [entry["name"] for entry in document["contexts"]] == ["a"]
    assert [entry["name"] for entry in document["users"]] == ["a"]
    assert document["current-context"] == "a"


@pytest.mark.parametrize("words", [["--minify"], ["--flatten"], ["--minify", "--flatten"], []])
def test_views_of_both_agree(words: list[str], config: Config, tmp_path: Path) -> None:
    """Minified and flattened views hold the same stanzas and fields, secrets hidden the same way."""
    path = tmp_path / "kubeconfig"
    (tmp_path / "ca.crt").write_bytes(PEM)
    for name in ("a", "b"):
        fields = {"server": f"https://{name}", "certificate-authority": str(tmp_path / "ca.crt")}
        writing.set_cluster(name, fields, kubeconfig=path)
        writing.set_user(name, {"token": f"t0ken-of-{name}"}, kubeconfig=path)
        writing.set_context(name, {"cluster": name, "user": name}, kubeconfig=path)
    writing.use_context("b", kubeconfig=path)
    theirs = json.loads(config("view", *words, "-o", "json", files=[path]).stdout)
    found = Kubeconfig.load(path)
    if "--minify" in words:
        found = view.minified(found)
    if "--flatten" in words:
        found = view.flattened(found)
    ours = view.redacted(view.merged(found))
    for section in ("clusters", "users", "contexts"):
        assert _comparable(ours[section]) == _comparable(theirs[section])
    assert ours["current-context"] == theirs["current-context"]


def _comparable(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # kubectl 1.20 shows secrets it has flattened in full, and it hides tokens since 1.18 only: names and keys agree.
    return sorted(
        [
            {key: sorted(value) if isinstance(value, dict) else value for key, value in entry.items()}
            for entry in entries
        ],
        key=lambda entry: str(entry["name"]),
    )
