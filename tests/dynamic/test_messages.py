"""What users are told who ask for a resource in a way that cannot work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.dynamic import DynamicClient
from dynkube.errors import (
    BodyMismatchError,
    InvalidNameError,
    InvalidRequestError,
    ManifestError,
    NoMatchError,
    WaitFailedError,
    WaitTimeoutError,
)
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def dyn() -> Iterator[DynamicClient]:
    """Return a client of a server."""
    with APIServer() as server, server.client() as client:
        yield client


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda dyn: dyn.resource("deployments", "apps/v1"), InvalidNameError, r"resource\('apps/v1', 'deployments'\)"),
        (lambda dyn: dyn.resource("pods/log"), InvalidNameError, r"resource\('pods'\)\.subresource\('log'\)"),
        (lambda dyn: dyn.resource("pod/web"), InvalidNameError, r"resource\('pod'\)\.get\('web'\)"),
        (lambda dyn: dyn.resource("pods,services"), InvalidNameError, "one at a time"),
        (lambda dyn: dyn.resource("all").list(), NoMatchError, "category"),
        (lambda dyn: dyn.resource("shrits").list(), NoMatchError, "no resource 'shrits'"),
        (lambda dyn: dyn.resource("app/v1", "deployments").list(), NoMatchError, "it serves deployments in apps/v1"),
        (lambda dyn: dyn.for_object({"apiVersion": "v1", "kind": "List"}), BodyMismatchError, "load_manifests"),
        (lambda dyn: dyn.crds().install({"kind": "Pod"}, field_manager="me"), BodyMismatchError, "not 'Pod'"),
        (lambda dyn: dyn.crds().install("crd.yaml", field_manager="me"), BodyMismatchError, "load_manifests"),
        (
            lambda dyn: dyn.crds().wait_established("a.b.example", timeout=0.2),
            WaitTimeoutError,
            "a.b.example: there was no",
        ),
        (lambda dyn: dyn.events("prod").search("web"), InvalidRequestError, "not for 'web'"),
        (lambda dyn: dyn.clientset().apps_v1.deployments.list(), AttributeError, r"deployments\(\)\.list, or"),
        (lambda dyn: dyn.clientset().core_v1.nodes.list(), AttributeError, r"nodes\(\)\.list$"),
        (lambda dyn: dyn.clientset().apps_v1.deployments.lst(), AttributeError, "has no attribute 'lst'"),
        (lambda dyn: dyn.clientset()["apps/v9"].deployments, AttributeError, "does not serve apps/v9"),
    ],
)
def test_message(dyn: DynamicClient, ask: Callable[[DynamicClient], Any], error: type[Exception], text: str) -> None:
    """The message says what to write instead, or what is there."""
    with pytest.raises(error, match=text):
        ask(dyn)


def test_events_of_another_namespace(dyn: DynamicClient) -> None:
    """Events are looked for where they can be: a namespace that is not the object's has none."""
    pod = {"kind": "Pod", "metadata": {"name": "web", "namespace": "prod"}}
    assert dyn.events().search(pod) == []
    assert dyn.events().all_namespaces().search(pod) == []
    with pytest.raises(BodyMismatchError, match=r"'prod'.*'other'"):
        dyn.events("other").search(pod)


def test_a_clash_of_names(dyn: DynamicClient) -> None:
    """A definition whose names are taken is refused in the words of the server."""
    schema = {"openAPIV3Schema": {"type": "object"}}

    def definition(plural: str) -> dict[str, Any]:
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.clash.example.com"},
            "spec": {
                "group": "clash.example.com",
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": "Thing"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
            },
        }

    dyn.crds().install(definition("things"), field_manager="me")
    with pytest.raises(WaitFailedError, match=r"others\.clash.*already in use"):
        dyn.crds().install(definition("others"), field_manager="me", timeout=10)


def test_reprs(dyn: DynamicClient) -> None:
    """What a REPL shows is short and says which server it is about."""
    discovered = dyn.mapper.discovered()
    assert repr(discovered).startswith("<Discovered ")
    for each in (dyn, dyn.mapper, dyn.discovery, dyn.crds(), dyn.clientset()):
        assert dyn.config.host in repr(each)
        assert len(repr(each)) < 150
    assert repr(dyn.clientset().apps_v1.deployments) == "<ResourceGetter deployments (apps/v1)>"


def config_map(name: str, namespace: str) -> dict[str, Any]:
    """Return a config map of the shop."""
    metadata = {"name": name, "namespace": namespace, "labels": {"app": "shop"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def test_a_namespace_nothing_is_left_in(dyn: DynamicClient) -> None:
    """A namespace among the manifests is looked through for what is to be pruned though no manifest is in it now."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"app": "shop"}}}
    dyn.apply_manifests([namespace, config_map("settings", "shop")], field_manager="me")
    done = dyn.apply_manifests([namespace], field_manager="me", prune="app=shop")
    assert list(map(str, done)) == ["Namespace/shop unchanged", "ConfigMap/settings pruned"]


def test_nothing_to_apply(dyn: DynamicClient, tmp_path: Path) -> None:
    """A folder or text without a manifest is an error, which an empty list of objects is not."""
    with pytest.raises(ManifestError, match="no manifest in"):
        dyn.apply_manifests(tmp_path, field_manager="me")
    with pytest.raises(ManifestError, match="no manifest"):
        dyn.apply_manifests("# nothing", field_manager="me")
    assert dyn.apply_manifests([], field_manager="me") == []


def test_kinds_to_prune_are_values(dyn: DynamicClient) -> None:
    """A kind to prune that is given as text is refused before anything is sent."""
    kinds: Any = ["Namespace"]
    with pytest.raises(InvalidRequestError, match="GroupKind"):
        dyn.apply_manifests([config_map("a", "default")], field_manager="me", prune="app=shop", prune_kinds=kinds)


def test_a_dry_run_of_a_new_kind(dyn: DynamicClient) -> None:
    """A dry run that needs a definition it does not install says so."""
    group = "dry.example.com"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"foos.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "foos", "kind": "Foo"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }
    foo = {"apiVersion": f"{group}/v1", "kind": "Foo", "metadata": {"name": "x"}}
    with pytest.raises(NoMatchError, match="a dry run does not install it"):
        dyn.apply_manifests([definition, foo], field_manager="me", dry_run=True)


@pytest.mark.parametrize("cache", [True, "", 3])
def test_a_cache_that_is_no_place(dyn: DynamicClient, cache: Any) -> None:
    """What names no place to cache in is refused when the client is made, not in its first request."""
    with pytest.raises(InvalidRequestError, match="'disk'"):
        DynamicClient(dyn.config, cache=cache)


def test_a_cache_that_cannot_be_written(dyn: DynamicClient, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be cached everything works, and one warning says so, not one for each document."""
    (tmp_path / "file").write_text("not a directory")
    with DynamicClient(dyn.config, cache=tmp_path / "file" / "cache") as client:
        client.mapper.resolve(None, "pods")
        client.mapper.invalidate()
        client.mapper.resolve(None, "pods")
    assert sum("cannot be cached" in record.getMessage() for record in caplog.records) == 1
