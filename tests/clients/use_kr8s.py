"""The kr8s client."""

from __future__ import annotations

from typing import Any

import kr8s


def connect(kubeconfig: str, _space: str) -> Any:
    """Return a client of the server."""
    return kr8s.api(kubeconfig=kubeconfig)


def config_map(api: Any, space: str) -> Any:
    """Return a config map that is not stored yet."""
    from kr8s.objects import ConfigMap

    return ConfigMap({"metadata": {"name": "a", "namespace": space}, "data": {"k": "1"}}, api=api)


def check_objects(api: Any, space: str) -> None:
    """Create, get, list, patch, label and delete."""
    made = config_map(api, space)
    made.create()
    (found,) = api.get("configmaps", "a", namespace=space)
    assert found.raw["data"] == {"k": "1"}
    found.patch({"data": {"k": "2"}})
    found.label({"tier": "front"})
    assert [one.name for one in api.get("configmaps", namespace=space, label_selector="tier=front")] == ["a"]
    assert next(iter(api.get("cm", "a", namespace=space))).raw["data"] == {"k": "2"}
    found.delete()
    assert not made.exists()


def check_watch(api: Any, space: str) -> None:
    """Watch: what is there, and what becomes of it."""
    made = config_map(api, space)
    made.create()
    seen = []
    for kind, obj in api.watch("configmaps", namespace=space):
        seen.append((kind, obj.name))
        if kind == "ADDED":
            made.delete()
        if kind == "DELETED":
            break
    assert seen == [("ADDED", "a"), ("DELETED", "a")]


def check_discovery(api: Any, _space: str) -> None:
    """Read the version and the resources of the server."""
    assert api.version()["minor"] == "36"
    assert any(one["name"] == "deployments" for one in api.api_resources())
