"""The asynchronous fork of the official client."""

from __future__ import annotations

import asyncio
from typing import Any

import kubernetes_asyncio
import pytest


async def work(kubeconfig: str, space: str) -> list[tuple[str, str]]:
    """Create, get, list, patch, delete, and return the events a watch saw of it."""
    await kubernetes_asyncio.config.load_kube_config(config_file=kubeconfig)
    async with kubernetes_asyncio.client.ApiClient() as api:
        core = kubernetes_asyncio.client.CoreV1Api(api)
        version = (await core.list_namespaced_config_map(space)).metadata.resource_version
        await core.create_namespaced_config_map(space, {"metadata": {"name": "a"}, "data": {"k": "1"}})
        assert (await core.read_namespaced_config_map("a", space)).data == {"k": "1"}
        assert [one.metadata.name for one in (await core.list_namespaced_config_map(space)).items] == ["a"]
        patched: Any = await core.patch_namespaced_config_map("a", space, {"data": {"k": "2"}})
        assert patched.data == {"k": "2"}
        await core.delete_namespaced_config_map("a", space)
        with pytest.raises(kubernetes_asyncio.client.ApiException) as missing:
            await core.read_namespaced_config_map("a", space)
        assert missing.value.status == 404
        seen = []
        async with kubernetes_asyncio.watch.Watch() as watch:
            stream = watch.stream(core.list_namespaced_config_map, space, resource_version=version, timeout_seconds=20)
            async for event in stream:
                seen.append((event["type"], event["object"].metadata.name))
                if event["type"] == "DELETED":
                    break
        return seen


def connect(kubeconfig: str, _space: str) -> str:
    """Return what the work needs to begin."""
    return kubeconfig


def check_everything(kubeconfig: str, space: str) -> None:
    """Use each verb, and see the watch tell it in order."""
    seen = asyncio.run(asyncio.wait_for(work(kubeconfig, space), 60))
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
