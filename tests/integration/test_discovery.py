"""Learning what the server serves, and keeping up with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.discovery import DiscoveryClient
from dynkube.discovery.openapi import OpenAPIClient
from dynkube.dynamic import connect
from dynkube.errors import NoMatchError, NotFound
from dynkube.names import GroupKind, GroupVersionKind, GroupVersionResource
from dynkube.watch import deleted
from integration.eventually import eventually
from integration.objects import widget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dynkube.discovery import Discovered
    from dynkube.dynamic import DynamicClient
    from dynkube.transport import RequestEvent

    Install = Callable[..., dict[str, Any]]
    Sent = tuple[DynamicClient, list[RequestEvent]]


def surface(discovered: Discovered) -> dict[GroupVersionResource, tuple[Any, ...]]:
    """Return what is known of each built-in resource; definitions may come and go while a test looks."""
    return {
        api.gvr: (api.kind, api.namespaced, frozenset(api.verbs), frozenset(api.short_names))
        for group_version, resources in discovered.resources.items()
        if "." not in group_version.group or group_version.group.endswith(".k8s.io")
        for api in resources
    }


def paths(events: list[RequestEvent]) -> list[str]:
    """Return the paths of requests, without address and query."""
    return ["/" + event.url.split("/", 3)[3].partition("?")[0] for event in events]


def test_nothing_is_sent_before_it_is_needed_and_then_two_requests(sent: Sent) -> None:
    """The first use of a name asks /api and /apis; every further name is answered from memory."""
    dyn, events = sent
    resources = [dyn.resource("deploy"), dyn.resource("v1", "Pod"), dyn.resource("sc")]
    assert events == []
    assert [each.gvr.resource for each in resources] == ["deployments", "pods", "storageclasses"]
    assert paths(events) == ["/api", "/apis"]


def test_both_forms_of_discovery_say_the_same(dyn: DynamicClient) -> None:
    """Aggregated discovery and the documents of each group describe the same resources."""
    aggregated = surface(dyn.discovery.discover())
    assert aggregated == surface(DiscoveryClient(dyn.rest, aggregated=False).discover())
    assert GroupVersionResource("apps", "v1", "deployments") in aggregated


def test_the_version_of_the_server(dyn: DynamicClient) -> None:
    """/version is a document with the git version."""
    assert dyn.discovery.server_version()["gitVersion"].startswith("v1.")


@pytest.mark.parametrize(
    "name", ["deployments", "deployment", "Deployment", "deploy", "deployments.apps", "deployments.v1.apps"]
)
def test_every_name_of_a_resource_finds_it(dyn: DynamicClient, name: str) -> None:
    """Plural, singular, kind, short name, with group and version."""
    assert dyn.resource(name).gvr == GroupVersionResource("apps", "v1", "deployments")


def test_a_category_has_its_resources(dyn: DynamicClient) -> None:
    """`all` holds what kubectl shows for it."""
    assert {"pods", "services", "deployments"} <= {api.name for api in dyn.mapper.category("all")}


def test_a_kind_leads_to_its_preferred_version(dyn: DynamicClient) -> None:
    """A group and a kind are enough for the mapping."""
    mapping = dyn.mapper.mapping(GroupKind("batch", "CronJob"))
    assert (mapping.resource, mapping.namespaced) == (GroupVersionResource("batch", "v1", "cronjobs"), True)


def test_a_name_nobody_knows(dyn: DynamicClient) -> None:
    """The error has the nearest names."""
    with pytest.raises(NoMatchError, match="deployments"):
        dyn.resource("deploymnts").list()


def test_a_definition_installed_by_somebody_else_is_found_on_a_miss(sent: Sent, install: Install) -> None:
    """A client that has looked before asks once more when it meets a new name, by short name and by kind too."""
    dyn, events = sent
    dyn.resource("pods").list()
    crd = install("gizmos", "Gizmo", shortNames=["gz"])
    group = crd["spec"]["group"]
    events.clear()
    assert dyn.resource(f"gz.{group}").gvr == GroupVersionResource(group, "v1", "gizmos")
    assert paths(events) == ["/api", "/apis"]
    dyn.resource(GroupVersionKind(group, "v1", "Gizmo")).create(widget("one"))
    assert dyn.resource(f"{group}/v1", "gizmos").exists("one")
    assert "/apis" not in paths(events)[2:]


def test_a_definition_is_usable_in_the_next_line(dyn: DynamicClient, install: Install) -> None:
    """`install` returns when the server serves the kind, also to a client that never looked."""
    crd = install("gadgets", "Gadget")
    gadgets = dyn.resource(GroupVersionResource(crd["spec"]["group"], "v1", "gadgets"))
    created = gadgets.namespace(dyn.config.namespace).create(
        {"apiVersion": f"{crd['spec']['group']}/v1", "kind": "Gadget", "metadata": {"name": "a"}}
    )
    assert created["metadata"]["uid"]


def test_a_definition_that_is_gone(dyn: DynamicClient, install: Install) -> None:
    """Its objects are not found, and a client that asks anew does not know its name."""
    crd = install("relics", "Relic")
    name, group = crd["metadata"]["name"], crd["spec"]["group"]
    relics = dyn.resource(f"relics.{group}")
    relics.create(widget("old"))
    definitions = dyn.resource("crd")
    definitions.delete(name)
    definitions.wait(name, deleted(), timeout=60)
    with pytest.raises(NotFound):
        relics.get("old")
    dyn.mapper.invalidate()
    with pytest.raises(NoMatchError):
        dyn.resource(f"relics.{group}").list()


def test_a_client_that_keeps_fresh_forgets_a_definition_that_goes(dyn: DynamicClient, install: Install) -> None:
    """It watches definitions: a name is unknown again although no lookup missed."""
    crd = install("ephemera", "Ephemeron")
    name, group = crd["metadata"]["name"], crd["spec"]["group"]
    with dyn.keep_fresh():
        assert dyn.resource(f"ephemera.{group}").list()["items"] == []
        dyn.resource("crd").delete(name)

        def unknown() -> bool:
            try:
                dyn.mapper.resolve(f"{group}/v1", "ephemera")
            except NoMatchError:
                return True
            return False

        eventually(unknown, "the deleted definition is forgotten")


def test_a_definition_has_its_schema(dyn: DynamicClient, widgets_group: str) -> None:
    """OpenAPI v3 describes the fields of a custom kind like those of any other."""
    schemas = OpenAPIClient(dyn.rest, max_age=0.0)
    eventually(lambda: f"apis/{widgets_group}/v1" in schemas.index(), "the schema of widgets is published")
    field = schemas.explain(GroupVersionKind(widgets_group, "v1", "Widget"), ("spec",))
    assert {each.name for each in field.fields()} >= {"color", "size", "replicas"}


def test_the_run_time_clientset(dyn: DynamicClient, namespace: str) -> None:
    """Groups and resources are attributes, made of what the server serves."""
    clientset = dyn.clientset()
    assert {"core_v1", "apps_v1", "batch_v1"} <= set(dir(clientset))
    clientset.core_v1().configmaps(namespace).create({"metadata": {"name": "a"}})
    assert clientset.core_v1().configmaps(namespace).get("a")["kind"] == "ConfigMap"
    assert "deployments" in dir(clientset.apps_v1())


def test_a_cache_on_disk_spares_the_next_process_its_discovery(kubeconfig: Path, tmp_path: Path) -> None:
    """A second client with the same folder asks for the objects alone; the files are the owner's."""
    folder = tmp_path / "cache"
    with connect(kubeconfig=str(kubeconfig), cache=folder) as first:
        assert first.resource("cm").gvr.resource == "configmaps"
    events: list[RequestEvent] = []
    with connect(kubeconfig=str(kubeconfig), cache=folder, request_hook=events.append) as second:
        second.resource("deploy").list()
    assert [path.rpartition("/")[2] for path in paths(events)] == ["deployments"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))


def test_a_cache_on_disk_does_not_hide_a_new_definition(kubeconfig: Path, tmp_path: Path, install: Install) -> None:
    """A name the stored documents do not have is looked for on the server."""
    with connect(kubeconfig=str(kubeconfig), cache=tmp_path / "cache") as first:
        first.resource("cm").list()
    crd = install("novelties", "Novelty")
    with connect(kubeconfig=str(kubeconfig), cache=tmp_path / "cache") as second:
        assert second.resource(f"novelties.{crd['spec']['group']}").list()["items"] == []
