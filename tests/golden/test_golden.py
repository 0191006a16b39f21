"""The wire of each verb, held by files.

Each file is what a server receives: request line, headers (those of the connection left out), body. The calls are those
of client-go's `dynamic.TestGoldenRequest` and some more; what goes over the wire is what client-go sends, but for
these differences, all on purpose:

* Go ends a JSON body with a newline; there is none here, where it means nothing.
* client-go lets `Apply` go out without a field manager, which the server refuses; here there always is one.
* client-go leaves `fieldValidation` unchecked ("warn"); here it is one of the server's words.

`DYNKUBE_UPDATE_GOLDEN=1 pytest tests/golden` writes the files anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config
from dynkube.dynamic import DynamicClient
from dynkube.names import GroupVersionResource
from golden.wire import OneRequestServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import Resource

HERE = Path(__file__).parent

SHIRTS = GroupVersionResource("shop.example.com", "v1beta1", "shirts")
BLUE: dict[str, Any] = {"metadata": {"name": "blue"}}

#: Name of the file -> the call.
CALLS: dict[str, Callable[[DynamicClient, Resource], Any]] = {
    "get": lambda _, r: r.get("blue"),
    "get-subresource": lambda _, r: r.subresource("collar").get("blue", resource_version="42"),
    "get-core-cluster-scoped": lambda d, _: d.resource(GroupVersionResource("", "v1", "nodes")).get("n1"),
    "list": lambda _, r: r.list(resource_version="42"),
    "list-all-options": lambda _, r: r.list(
        label_selector={"app": ["a", "b"], "tier": "web"},
        field_selector={"metadata.name": "blue"},
        limit=500,
        resource_version="42",
        resource_version_match="NotOlderThan",
    ),
    "list-continue": lambda _, r: r.list(limit=500, continue_="abc=="),
    "watch": lambda _, r: r.lister_watcher().watch(resource_version="42").close(),
    "watch-all-options": lambda _, r: (
        r.lister_watcher(label_selector="app", field_selector="metadata.name=blue")
        .watch(
            resource_version="0",
            resource_version_match="NotOlderThan",
            timeout_seconds=300,
            allow_watch_bookmarks=True,
            send_initial_events=True,
        )
        .close()
    ),
    "create": lambda _, r: r.create(BLUE),
    "create-all-options": lambda _, r: r.create(BLUE, dry_run=True, field_manager="me", field_validation="Warn"),
    "create-subresource": lambda _, r: r.subresource("collar").create(BLUE, field_validation="Warn"),
    "update": lambda _, r: r.update(BLUE),
    "update-subresource": lambda _, r: r.subresource("collar").update(BLUE, field_validation="Warn"),
    "update-status": lambda _, r: r.update_status(BLUE, field_validation="Warn"),
    "patch-merge": lambda _, r: r.patch("blue", {"spec": {"size": "L", "old": None}}, field_manager="me"),
    "patch-json": lambda _, r: r.patch("blue", [{"op": "replace", "path": "/spec/size", "value": "L"}], dry_run=True),
    "patch-strategic-subresource": lambda _, r: r.subresource("collar").patch(
        "blue", {"foo": "bar"}, type="strategic", field_manager="baz"
    ),
    "apply": lambda _, r: r.apply(BLUE, field_manager="me", force=True),
    "apply-without-force": lambda _, r: r.apply(BLUE, field_manager="me", dry_run=True, field_validation="Strict"),
    "apply-status": lambda _, r: r.apply_status(BLUE, field_manager="me", force=True),
    "delete": lambda _, r: r.delete("blue"),
    "delete-all-options": lambda _, r: r.delete(
        "blue",
        propagation_policy="Foreground",
        grace_period_seconds=0,
        uid="u-1",
        resource_version="42",
        dry_run=True,
    ),
    "delete-subresource": lambda _, r: r.subresource("collar").delete("blue", dry_run=True),
    "delete-collection": lambda _, r: r.delete_collection(resource_version="42", dry_run=True),
    "table-get": lambda _, r: r.table().get("blue"),
    "table-list-with-objects": lambda _, r: r.table(include_object="Object").list(limit=500),
    "metadata-get": lambda _, r: r.metadata().get("blue"),
    "metadata-list": lambda _, r: r.metadata().list(),
    "metadata-watch": lambda _, r: r.metadata().lister_watcher().watch(resource_version="42").close(),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_wire_of_each_verb(name: str) -> None:
    """What a server receives is what the golden file holds: method, path, query, headers and body."""
    with OneRequestServer() as server:
        config = Config(host=server.host, user_agent="golden")
        with DynamicClient(config) as client:
            CALLS[name](client, client.resource(SHIRTS).namespace("clothes"))
        received = server.wait().golden()
    file = HERE / f"{name}.http"
    if os.environ.get("DYNKUBE_UPDATE_GOLDEN"):
        file.write_text(received)
    assert received == file.read_text()


def test_no_golden_file_is_left_over() -> None:
    """Each file belongs to a call."""
    assert {file.stem for file in HERE.glob("*.http")} == set(CALLS)
