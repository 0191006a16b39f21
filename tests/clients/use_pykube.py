"""The pykube-ng client."""

from __future__ import annotations

from typing import Any

import pykube


def connect(kubeconfig: str, _space: str) -> Any:
    """Return a client of the server."""
    return pykube.HTTPClient(pykube.KubeConfig.from_file(kubeconfig), timeout=20)


def config_map(api: Any, space: str) -> Any:
    """Return a config map that is not stored yet."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": space}, "data": {"k": "1"}}
    return pykube.ConfigMap(api, body)


def check_objects(api: Any, space: str) -> None:
    """Create, get, list, update, patch and delete."""
    made = config_map(api, space)
    made.create()
    maps = pykube.ConfigMap.objects(api).filter(namespace=space)
    found = maps.get_by_name("a")
    assert found.obj["data"] == {"k": "1"}
    found.obj["data"]["k"] = "2"
    found.update()
    found.patch({"metadata": {"labels": {"tier": "front"}}})
    assert [one.name for one in maps.filter(selector={"tier": "front"})] == ["a"]
    assert maps.get_by_name("a").obj["data"] == {"k": "2"}
    found.delete()
    assert not made.exists()


def check_watch(api: Any, space: str) -> None:
    """Watch: what is there, and what becomes of it."""
    made = config_map(api, space)
    made.create()
    seen = []
    for event in pykube.ConfigMap.objects(api).filter(namespace=space).watch():
        seen.append((event.type, event.object.name))
        if event.type == "ADDED":
            made.delete()
        if event.type == "DELETED":
            break
    assert seen == [("ADDED", "a"), ("DELETED", "a")]
