"""The official client, with its typed and its dynamic interface."""

from __future__ import annotations

import tempfile
from typing import Any

import kubernetes
import pytest


def connect(kubeconfig: str, _space: str) -> Any:
    """Return a client of the server."""
    return kubernetes.config.new_client_from_config(kubeconfig)


def check_typed_objects(api: Any, space: str) -> None:
    """Create, get, list, patch, replace and delete with the generated classes."""
    core = kubernetes.client.CoreV1Api(api)
    body = kubernetes.client.V1ConfigMap(metadata=kubernetes.client.V1ObjectMeta(name="a"), data={"k": "1"})
    assert core.create_namespaced_config_map(space, body).metadata.uid
    found = core.read_namespaced_config_map("a", space)
    assert found.data == {"k": "1"}
    assert [one.metadata.name for one in core.list_namespaced_config_map(space).items] == ["a"]
    assert core.patch_namespaced_config_map("a", space, {"data": {"k": "2"}}).data == {"k": "2"}
    found.data = {"k": "3"}
    with pytest.raises(kubernetes.client.ApiException) as conflict:
        core.replace_namespaced_config_map("a", space, found)
    assert conflict.value.status == 409
    core.delete_namespaced_config_map("a", space)
    with pytest.raises(kubernetes.client.ApiException) as missing:
        core.read_namespaced_config_map("a", space)
    assert (missing.value.status, missing.value.reason) == (404, "Not Found")


def check_typed_deployment(api: Any, space: str) -> None:
    """Send a deployment there and back through the generated classes, its status and scale too."""
    apps, models = kubernetes.client.AppsV1Api(api), kubernetes.client
    template = models.V1PodTemplateSpec(
        metadata=models.V1ObjectMeta(labels={"app": "web"}),
        spec=models.V1PodSpec(containers=[models.V1Container(name="main", image="busybox")]),
    )
    spec = models.V1DeploymentSpec(selector=models.V1LabelSelector(match_labels={"app": "web"}), template=template)
    apps.create_namespaced_deployment(space, models.V1Deployment(metadata=models.V1ObjectMeta(name="web"), spec=spec))
    assert apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 3}}).spec.replicas == 3
    assert apps.read_namespaced_deployment_status("web", space).spec.replicas == 3


def check_watch(api: Any, space: str) -> None:
    """Watch: what happens, in order."""
    core = kubernetes.client.CoreV1Api(api)
    version = core.list_namespaced_config_map(space).metadata.resource_version
    core.create_namespaced_config_map(space, {"metadata": {"name": "a"}})
    core.delete_namespaced_config_map("a", space)
    watch, seen = kubernetes.watch.Watch(), []
    listing = core.list_namespaced_config_map
    for event in watch.stream(listing, space, resource_version=version, timeout_seconds=20):
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            watch.stop()
    assert seen == [("ADDED", "a"), ("DELETED", "a")]


def check_dynamic_client(api: Any, space: str) -> None:
    """Discover with the dynamic client, and apply on the server's side."""
    dynamic = kubernetes.dynamic.DynamicClient(api, cache_file=f"{tempfile.mkdtemp()}/cache.json")
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    maps.create(namespace=space, body={"metadata": {"name": "a"}, "data": {"k": "1"}})
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "2"}}
    maps.server_side_apply(namespace=space, name="a", body=body, field_manager="test", force_conflicts=True)
    assert maps.get(namespace=space, name="a").data.k == "2"
    assert [one.metadata.name for one in maps.get(namespace=space).items] == ["a"]
    maps.delete(namespace=space, name="a")
    assert maps.get(namespace=space).items == []


def check_version_and_discovery(api: Any, _space: str) -> None:
    """Read the version and the groups of the server."""
    assert kubernetes.client.VersionApi(api).get_code().minor == "36"
    assert "apps" in [group.name for group in kubernetes.client.ApisApi(api).get_api_versions().groups]
