"""What simulated controllers see and write: the server's own store, under its lock, through its own write path.

No request is sent, so the requests a test looks at are its own. A controller reads and writes inside one transaction:
what it saw is still so when it writes, and conflicts cannot happen.
"""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING

from dynkube.controller import controller_of
from dynkube.testing.flows import deleting, writing
from dynkube.testing.http.failures import Failure
from dynkube.testing.http.options import DeleteOptions
from dynkube.testing.storage.store import DELETED

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from dynkube.objects import JSONObject
    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.resources.registry import Resource
    from dynkube.testing.storage.store import Collection, Event, Key

DEPLOYMENTS: Collection = ("apps", "deployments")
REPLICA_SETS: Collection = ("apps", "replicasets")
REPLICATION_CONTROLLERS: Collection = ("", "replicationcontrollers")
STATEFUL_SETS: Collection = ("apps", "statefulsets")
DAEMON_SETS: Collection = ("apps", "daemonsets")
REVISIONS: Collection = ("apps", "controllerrevisions")
JOBS: Collection = ("batch", "jobs")
CRON_JOBS: Collection = ("batch", "cronjobs")
PODS: Collection = ("", "pods")
NODES: Collection = ("", "nodes")
NAMESPACES: Collection = ("", "namespaces")
SERVICES: Collection = ("", "services")
ENDPOINTS: Collection = ("", "endpoints")
ENDPOINT_SLICES: Collection = ("discovery.k8s.io", "endpointslices")
BUDGETS: Collection = ("policy", "poddisruptionbudgets")
CLAIMS: Collection = ("", "persistentvolumeclaims")
EVENTS: Collection = ("", "events")

#: The field manager of everything kube-controller-manager runs.
CONTROLLER_MANAGER = "kube-controller-manager"


def key_of(obj: JSONObject) -> Key:
    """Return the storage key of an object."""
    metadata = obj["metadata"]
    return (metadata.get("namespace", ""), metadata["name"])


def terminating(obj: JSONObject) -> bool:
    """Tell whether an object was deleted and is not gone yet."""
    return "deletionTimestamp" in obj["metadata"]


class World:
    """The cluster as controllers see it. Objects it returns are the store's: never to be changed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._dependents: dict[tuple[Collection, str], set[Key]] = {}

    # Following the store

    def notice(self, collection: Collection, event: Event) -> None:
        """Keep the index of what controllers own; called under the store's lock with every event."""
        if event.previous is not None:
            self._index(collection, event.key, event.previous.object, present=False)
        if event.type != DELETED:
            self._index(collection, event.key, event.record.object, present=True)

    def reload(self) -> None:
        """Build the index anew."""
        self._dependents.clear()
        for collection, key, record in self.cluster.store.everything():
            self._index(collection, key, record.object, present=True)

    def _index(self, collection: Collection, key: Key, obj: JSONObject, *, present: bool) -> None:
        owner = controller_of(obj)
        if owner is None:
            return
        place = (collection, owner.get("uid", ""))
        if present:
            self._dependents.setdefault(place, set()).add(key)
        elif place in self._dependents:
            self._dependents[place].discard(key)
            if not self._dependents[place]:
                del self._dependents[place]

    # Reading

    def get(self, collection: Collection, key: Key) -> JSONObject | None:
        """Return an object, None if it is not there."""
        record = self.cluster.store.get(collection, key)
        return None if record is None else record.object

    def objects(self, collection: Collection, namespace: str | None = None) -> list[JSONObject]:
        """Return the objects of a namespace, or all, sorted by name."""
        return [record.object for _, record in self.cluster.store.objects(collection, namespace)[0]]

    def owned(self, collection: Collection, owner: JSONObject) -> list[JSONObject]:
        """Return what an object is the controller of, sorted by name."""
        keys = sorted(self._dependents.get((collection, owner["metadata"]["uid"]), ()))
        found = (self.get(collection, key) for key in keys)
        return [obj for obj in found if obj is not None]

    def now(self) -> str:
        """Return the time as objects carry it."""
        return self.cluster.now()

    def clock(self) -> datetime.datetime:
        """Return the time."""
        return self.cluster.clock()

    # Writing

    def _resource(self, collection: Collection) -> Resource:
        resource = self.cluster.registry.any_version(collection)
        if resource is None:
            raise LookupError(f"{collection} is not served")
        return resource

    def create(self, collection: Collection, obj: JSONObject, *, manager: str = CONTROLLER_MANAGER) -> JSONObject:
        """Create an object as a controller's request would and return it. Raises a Failure."""
        resource = self._resource(collection)
        obj = {"apiVersion": resource.api_version, "kind": resource.kind, **copy.deepcopy(obj)}
        return dict(writing.create_object(self.cluster, resource, obj, writing.Change(manager)).document)

    def update(
        self,
        collection: Collection,
        key: Key,
        change: Callable[[JSONObject], object],
        *,
        subresource: str = "",
        manager: str = CONTROLLER_MANAGER,
    ) -> JSONObject | None:
        """Change the present version of an object and return it as stored, None if it is gone.

        An object that the change leaves as it is is not written.
        """
        resource = self._resource(collection)
        record = self.cluster.store.get(collection, key)
        if record is None:
            return None
        old = self.cluster.shown(resource, record)
        obj = copy.deepcopy(old)
        change(obj)
        if obj == old:
            return old
        how = writing.Change(manager, subresource)
        return dict(writing.replace(self.cluster, resource, record, obj, how, checked=True).document)

    def update_status(
        self, collection: Collection, key: Key, status: JSONObject, *, manager: str = CONTROLLER_MANAGER
    ) -> None:
        """Set the status of an object; None values are left out, and an equal status is not written."""
        wanted = {name: value for name, value in status.items() if value is not None}
        self.update(
            collection, key, lambda obj: obj.update(status=copy.deepcopy(wanted)), subresource="status", manager=manager
        )

    def delete(
        self,
        collection: Collection,
        obj: JSONObject,
        *,
        grace: int | None = None,
        propagation: str | None = "Background",
    ) -> None:
        """Delete an object; one that is gone already is no failure."""
        key = key_of(obj)
        if self.get(collection, key) is not None:
            options = DeleteOptions(propagation=propagation, grace_period=grace)
            deleting.delete_object(self.cluster, self._resource(collection), key, options)

    def tell(self, obj: JSONObject, reason: str, message: str, *, component: str, warning: bool = False) -> None:
        """Record an event about an object; the same once more counts up, as client-go's correlator does.

        Nothing is recorded in a namespace on its way out.
        """
        metadata, now = obj["metadata"], self.now()
        namespace = metadata.get("namespace") or "default"
        digest = hashlib.sha256(f"{metadata['uid']} {component} {reason} {message}".encode()).hexdigest()[:16]
        key = (namespace, f"{metadata['name']}.{digest}")

        def again(event: JSONObject) -> None:
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = now

        if self.get(EVENTS, key) is not None:
            self.update(EVENTS, key, again, manager=component)
            return
        about = {name: obj[name] for name in ("apiVersion", "kind")}
        about |= {name: metadata[name] for name in ("name", "namespace", "uid", "resourceVersion") if name in metadata}
        event = {
            "metadata": {"name": key[1], "namespace": namespace},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": component},
            "reportingComponent": component,
        }
        try:
            self.create(EVENTS, event, manager=component)
        except Failure as failure:
            if failure.code != 403:
                raise
