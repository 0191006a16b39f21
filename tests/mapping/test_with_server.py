"""Discovery and mapping over real connections, against the embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.discovery import DiscoveryClient
from dynkube.discovery.disk_cache import DiskCache
from dynkube.discovery.openapi import OpenAPIClient
from dynkube.errors import NoMatchError
from dynkube.mapping import RESTMapper
from dynkube.names import GroupVersionKind
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube.dynamic import DynamicClient


@pytest.fixture
def dyn() -> Iterator[DynamicClient]:
    """Start a server and return a client of it."""
    with APIServer() as server, server.client() as client:
        yield client


def widgets(scope: str = "Namespaced", *short_names: str) -> dict[str, Any]:
    """Return a CRD of widgets."""
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": scope,
            "names": {
                "plural": "widgets",
                "singular": "widget",
                "kind": "Widget",
                "listKind": "WidgetList",
                "shortNames": list(short_names),
            },
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }


def test_a_crd_comes_changes_and_goes(dyn: DynamicClient) -> None:
    """A CRD is found when it is there, seen as it is when it was replaced, and forgotten when it is gone."""
    mapper = RESTMapper(DiscoveryClient(dyn.rest))
    crds = dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
    with pytest.raises(NoMatchError):
        mapper.resolve(None, "widgets")
    crds.create(widgets("Namespaced", "wd"))
    assert mapper.resolve(None, "wd").namespaced
    crds.delete("widgets.example.com")
    crds.create(widgets("Cluster", "wg"))
    assert mapper.resolve(None, "wg").namespaced is False
    with pytest.raises(NoMatchError):
        mapper.resolve(None, "wd")
    crds.delete("widgets.example.com")
    mapper.invalidate()
    with pytest.raises(NoMatchError):
        mapper.resolve("example.com/v1", "Widget")


def test_both_forms_of_one_server(dyn: DynamicClient) -> None:
    """Asked in either form, a server with a CRD yields the same groups and resources."""
    dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions").create(widgets())
    aggregated = DiscoveryClient(dyn.rest).discover()
    plain = DiscoveryClient(dyn.rest, aggregated=False).discover()
    assert aggregated.groups == plain.groups
    assert list(aggregated.resources) == list(plain.resources)
    for group_version, resources in plain.resources.items():
        assert [entry.gvk for entry in resources] == [entry.gvk for entry in aggregated.resources[group_version]]
    assert aggregated.failed == plain.failed == {}


def test_revalidation_with_the_servers_etags(dyn: DynamicClient, tmp_path: Path) -> None:
    """The server's own ETags keep a value as long as nothing changes, in memory and on disk."""
    client = DiscoveryClient(dyn.rest, store=DiskCache(tmp_path / "cache", max_age=0))
    found = client.discover()
    assert client.discover() is found
    dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions").create(widgets())
    grown = client.discover()
    assert len(grown.resources) == len(found.resources) + 1
    assert DiscoveryClient(dyn.rest, store=DiskCache(tmp_path / "cache")).discover() == grown


def test_explain_a_new_kind(dyn: DynamicClient) -> None:
    """A kind is explained as soon as its CRD is served."""
    openapi = OpenAPIClient(dyn.rest)
    assert openapi.explain(GroupVersionKind("apps", "v1", "Deployment"), "spec.template").required
    kind = GroupVersionKind("example.com", "v1", "Widget")
    with pytest.raises(NoMatchError):
        openapi.explain(kind)
    dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions").create(widgets())
    assert openapi.explain(kind, "spec.size").type == "integer"
