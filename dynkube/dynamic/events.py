"""The events about an object, found as `kubectl describe` finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET
from dynkube.dynamic.resource import Resource
from dynkube.errors import BodyMismatchError, InvalidRequestError
from dynkube.names import GroupVersionResource

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset
    from dynkube.discovery import APIResource
    from dynkube.objects import JSONObject

    Events = list[JSONObject]

#: The resource itself.
EVENTS = GroupVersionResource("", "v1", "events")

#: The kubelet's mirror of a static pod carries here the uid its events are recorded under.
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


def is_core_events(api: APIResource) -> bool:
    """Tell whether a resource is events of the core group."""
    return api.group == "" and api.name == "events"


class EventsResource(Resource):
    """The events resource of the core group; `search` finds those about one object."""

    def search(self, obj: JSONObject, *, timeout: TimeoutLike | Unset = UNSET) -> Events:
        """Return the events about `obj`, oldest first.

        They are selected by what they say of the object involved: kind, name, namespace and uid, as far as `obj` has
        them (client-go's `Events.Search`). Events of nodes are found under the node's name for a uid, too: the kubelet
        records them so. Looked for in this view's namespace if it was named, else in the object's, else in all.
        """
        if not isinstance(obj, dict):
            raise InvalidRequestError(f"search is for an object, a dict, and not for {obj!r}")
        metadata = obj.get("metadata") or {}
        name = metadata.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidRequestError("events are about an object with a name: metadata.name is missing")
        uid = (metadata.get("annotations") or {}).get(MIRROR_ANNOTATION) or metadata.get("uid")
        uids = [uid, name] if uid and obj.get("kind") == "Node" else [uid]
        where = self._scope_of(metadata.get("namespace"))
        found: dict[tuple[str, str], JSONObject] = {}
        for each_uid in uids:
            selector = _involved(obj, metadata, each_uid)
            for event in where.iter(field_selector=selector, timeout=timeout):
                own = event.get("metadata") or {}
                found[own.get("namespace", ""), own.get("name", "")] = event
        return sorted(found.values(), key=_when)

    def _scope_of(self, namespace: str | None) -> Resource:
        if self._namespace is not None and namespace and namespace != self._namespace:
            # The server keeps the events of an object in its own namespace, and refuses others.
            raise BodyMismatchError(
                f"the object is in namespace {namespace!r} and has no events in {self._namespace!r}, which is looked in"
            )
        if self._namespace is not None or self._everywhere:
            return self
        return self.namespace(namespace) if namespace else self.all_namespaces()


def _involved(obj: JSONObject, metadata: JSONObject, uid: str | None) -> dict[str, str]:
    selector = {
        "involvedObject.name": metadata["name"],
        "involvedObject.namespace": metadata.get("namespace") or "",
    }
    if obj.get("kind"):
        selector["involvedObject.kind"] = obj["kind"]
    if uid:
        selector["involvedObject.uid"] = uid
    return selector


def _when(event: JSONObject) -> str:
    # RFC 3339 in UTC, so that text order is time order; new-style events have no lastTimestamp, only eventTime.
    series: Any = event.get("series") or {}
    metadata: Any = event.get("metadata") or {}
    return str(
        event.get("lastTimestamp")
        or series.get("lastObservedTime")
        or event.get("eventTime")
        or metadata.get("creationTimestamp")
        or ""
    )
