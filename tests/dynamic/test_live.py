"""watch, wait and lister_watcher: what the watch layer is given, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from dynamic.fakes import REVIEWS, FakeRest, FakeStream, exact, page, resource
from dynkube.config import UNSET
from dynkube.errors import InvalidNameError, NamespaceRequiredError, UnsupportedVerbError, WaitTimeoutError
from dynkube.names import GroupVersionResource
from dynkube.transport import Cancellation
from dynkube.watch import ListerWatcher, condition, deleted


def changed(kind: str, name: str, version: str, **fields: Any) -> dict[str, Any]:
    """Return an event about a deployment."""
    metadata = {"name": name, "namespace": "prod", "resourceVersion": version}
    return {"type": kind, "object": {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": metadata, **fields}}


def test_a_watch_yields_events_and_goes_on_after_the_stream_ends() -> None:
    """One stream that ends is followed by another from the last version; nothing is sent before the first next."""
    rest = FakeRest(
        FakeStream([changed("ADDED", "web", "8")]), FakeStream([changed("MODIFIED", "web", "9")]), FakeStream([])
    )
    watch = resource(rest).namespace("prod").watch(label_selector={"app": "web"}, resource_version="7", timeout=30)
    assert rest.requests == []
    with watch:
        assert [next(watch)["type"] for _ in range(2)] == ["ADDED", "MODIFIED"]
    queries = [dict(part.split("=") for part in target.partition("?")[2].split("&")) for target in rest.targets]
    assert [query["resourceVersion"] for query in queries[:2]] == ["7", "8"]
    assert all(query["watch"] == "true" and query["labelSelector"] == "app%3Dweb" for query in queries)


def test_a_watch_is_checked_when_it_is_made() -> None:
    """A verb that is not offered is refused at once, not in the loop that reads."""
    with pytest.raises(UnsupportedVerbError):
        resource(FakeRest(), REVIEWS).watch()


def test_a_wait_follows_one_object() -> None:
    """Wait lists and watches the one object by name, and returns it when the condition holds."""
    ready = {"conditions": [{"type": "Available", "status": "True"}]}
    first = page("")
    rest = FakeRest(first, FakeStream([changed("ADDED", "web", "8"), changed("MODIFIED", "web", "9", status=ready)]))
    found = resource(rest).namespace("prod").wait("web", condition("Available"), timeout=30)
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "9"
    assert all("fieldSelector=metadata.name%3Dweb" in target for target in rest.targets)


def test_a_wait_for_deletion_of_what_is_not_there() -> None:
    """An absent object is deleted: None comes back at once."""
    assert resource(FakeRest(page(""))).wait("web", deleted(), timeout=30) is None


def test_a_wait_that_looks_once() -> None:
    """timeout=0 is one look; the error carries the object as last seen."""
    listed = page("")
    listed["items"] = [changed("ADDED", "web", "8")["object"]]
    with pytest.raises(WaitTimeoutError) as caught:
        resource(FakeRest(listed)).wait("web", condition("Available"), timeout=0)
    assert caught.value.last_object is not None
    assert caught.value.last_object["metadata"]["name"] == "web"


def test_a_wait_is_about_one_object() -> None:
    """A name that cannot be, and all namespaces, are refused before anything is sent."""
    rest = FakeRest()
    with pytest.raises(InvalidNameError):
        resource(rest).wait("a/b", deleted())
    with pytest.raises(NamespaceRequiredError):
        resource(rest).all_namespaces().wait("web", deleted())
    assert rest.requests == []


def test_the_lister_watcher_is_the_watch_layers_protocol() -> None:
    """Its calls are single requests with the selection, the cancellation and the read timeout they are given."""
    stream = FakeStream([])
    rest = FakeRest(page("a"), stream)
    source: ListerWatcher = resource(rest).namespace("prod").lister_watcher(label_selector="app=web")
    cancellation = Cancellation()
    listed = source.list(resource_version="0", limit=5, cancellation=cancellation)
    assert listed["items"][0]["kind"] == "Deployment"
    events = source.watch(
        resource_version="7", timeout_seconds=300, allow_watch_bookmarks=True, timeout=305.0, cancellation=cancellation
    )
    assert list(events) == []
    assert [request.cancellation for request in rest.requests] == [cancellation, cancellation]
    assert rest.timeouts == [UNSET, 305.0]
    assert [target.partition("?")[2] for target in rest.targets] == [
        "labelSelector=app%3Dweb&limit=5&resourceVersion=0",
        "allowWatchBookmarks=true&labelSelector=app%3Dweb&resourceVersion=7&timeoutSeconds=300&watch=true",
    ]


def test_an_exact_resource_can_be_watched() -> None:
    """No discovery is needed to watch."""
    rest = FakeRest(FakeStream([changed("ADDED", "web", "8")]))
    with exact(rest, GroupVersionResource("apps", "v1", "deployments")).watch(timeout=30) as watch:
        assert next(watch)["object"]["metadata"]["name"] == "web"
    assert rest.targets[0].startswith("/apis/apps/v1/deployments?")


def test_a_lister_watcher_says_what_it_reads() -> None:
    """Its repr shows resource, scope and selection."""
    source = resource(FakeRest()).namespace("prod").lister_watcher(label_selector="app=web")
    assert repr(source) == "<ResourceListerWatcher <Resource deployments (apps/v1) in prod> app=web>"


def test_a_cancellable_view_hands_its_cancellation_to_every_request() -> None:
    """Reads and writes, of views made from it too, can be ended from another thread; the view it came from cannot."""
    rest = FakeRest({}, page(""), {}, {}, {"kind": "Table"}, {}, {}, {})
    cancellation = Cancellation()
    plain = resource(rest)
    view = plain.cancellable(cancellation).namespace("prod")
    view.get("web")
    view.list()
    view.create({"metadata": {"name": "web"}})
    view.subresource("scale").get("web")
    view.table().list()
    view.metadata().get("web")
    view.delete("web")
    assert [request.cancellation for request in rest.requests] == [cancellation] * 7
    plain.get("web")
    assert rest.last.cancellation is None


def test_an_informer_of_a_view() -> None:
    """It is bound to the view and its selection, named after the resource, and not started."""
    rest = FakeRest()
    informer = resource(rest).namespace("prod").informer(label_selector="app=web")
    assert informer.name == "deployments.apps"
    assert rest.requests == []
    with pytest.raises(UnsupportedVerbError):
        resource(rest, REVIEWS).informer()
