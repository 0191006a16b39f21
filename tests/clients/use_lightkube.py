"""The lightkube client."""

from __future__ import annotations

from typing import Any

import lightkube
import pytest


def connect(kubeconfig: str, space: str) -> Any:
    """Return a client of the server."""
    config = lightkube.KubeConfig.from_file(kubeconfig)
    return lightkube.Client(config=config, namespace=space, field_manager="lightkube")


def config_map() -> Any:
    """Return a config map that is not stored yet."""
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    return ConfigMap(metadata=ObjectMeta(name="a"), data={"k": "1"})


def check_objects(client: Any, _space: str) -> None:
    """Create, get, list, patch, apply, replace and delete."""
    made = config_map()
    kind = type(made)
    client.create(made)
    assert client.get(kind, "a").data == {"k": "1"}
    assert [one.metadata.name for one in client.list(kind)] == ["a"]
    assert client.patch(kind, "a", {"data": {"k": "2"}}).data == {"k": "2"}
    made.data = {"k": "3"}
    made.apiVersion, made.kind = "v1", "ConfigMap"
    assert client.apply(made, force=True).data == {"k": "3"}
    found = client.get(kind, "a")
    found.data = {"k": "4"}
    assert client.replace(found).data == {"k": "4"}
    client.delete(kind, "a")
    with pytest.raises(lightkube.ApiError) as missing:
        client.get(kind, "a")
    assert missing.value.status.code == 404


def check_watch(client: Any, _space: str) -> None:
    """Watch: what is there, and what becomes of it."""
    made = config_map()
    client.create(made)
    seen = []
    for kind, obj in client.watch(type(made)):
        seen.append((kind, obj.metadata.name))
        if kind == "ADDED":
            client.delete(type(made), "a")
        if kind == "DELETED":
            break
    assert seen == [("ADDED", "a"), ("DELETED", "a")]
