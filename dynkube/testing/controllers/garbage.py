"""The controllers a namespace or an owner cannot go without: garbage collector, namespace controller, pod collector.

They run in one thread and act some time after what they react to. What is held by a finalizer (a terminating namespace,
a foreground or orphan deletion) stays for ``delay`` seconds, so that a client sees the state in between, as on a real
cluster, where a namespace takes five seconds and more. Dependents of an owner that is gone are removed without delay.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from dynkube.testing.access import aggregation
from dynkube.testing.controllers import bootstrap, deletion_conditions
from dynkube.testing.flows import deleting, writing
from dynkube.testing.flows.cluster import NAMESPACES
from dynkube.testing.http.failures import Failure
from dynkube.testing.http.options import DeleteOptions
from dynkube.testing.patches import managed_fields
from dynkube.testing.storage.store import ADDED, DELETED

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.storage.store import Collection, Event, Key, Record

logger = logging.getLogger("dynkube.testing.garbage")

#: Seconds a terminating namespace, or an object held by a propagation finalizer, stays before it is dealt with.
DELAY = 1.0
_PODS: Collection = ("", "pods")
_NODES: Collection = ("", "nodes")

Place = tuple["Collection", "Key"]


def _references(obj: dict[str, Any]) -> list[dict[str, Any]]:
    return list(obj["metadata"].get("ownerReferences") or ())


def _since(old: dict[str, dict[str, Any]], condition: dict[str, str], now: str) -> dict[str, Any]:
    """Return a condition as it was if it says the same, else with the time it began to."""
    before = old.get(condition["type"])
    if before is not None and all(before.get(name) == value for name, value in condition.items()):
        return before
    names = ("type", "status", "lastTransitionTime", "reason", "message")
    return {name: now if name == "lastTransitionTime" else condition[name] for name in names}


class Controllers:
    """Reacts to the store's events. ``after_write`` is called when it has written, as requests do it."""

    def __init__(self, cluster: Cluster, after_write: Callable[[], None], *, delay: float = DELAY) -> None:
        self._cluster = cluster
        self._after_write = after_write
        self._delay = delay
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, str, Any]] = []
        self._order = itertools.count()
        self._waiting: set[tuple[str, Any]] = set()
        self._stopped = False
        self._owners: dict[str, Place] = {}
        self._dependents: dict[str, set[Place]] = {}
        self._thread = threading.Thread(target=self._run, name="dynkube-controllers", daemon=True)
        cluster.listen(self._notice)

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def stop(self, *, timeout: float = 5.0) -> None:
        """Stop acting; wait for what is going on, at most ``timeout`` seconds."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def reload(self) -> None:
        """Learn owners and dependents anew, after a restore."""
        with self._cluster.store.transaction():
            self._owners.clear()
            self._dependents.clear()
            for collection, key, record in self._cluster.store.everything():
                self._index(collection, key, record.object)
                self._consider(collection, key, record.object)

    # What the store tells, under its lock: remember, decide later.

    def _notice(self, collection: Collection, event: Event) -> None:
        obj = event.record.object
        uid = obj["metadata"].get("uid", "")
        if collection == aggregation.ROLES:
            self._later(self._delay, "roles", "")
        place = (collection, event.key)
        if event.previous is not None:
            for reference in _references(event.previous.object):
                self._dependents.get(reference.get("uid", ""), set()).discard(place)
        if event.type == DELETED:
            self._owners.pop(uid, None)
            for dependent in self._dependents.pop(uid, ()):
                self._later(0, "dependent", dependent)
            for reference in _references(obj):
                self._later(0, "owner", reference.get("uid", ""))
            if event.key[0]:
                self._later(0, "namespace", ("", event.key[0]), only_terminating=True)
            if (collection, event.key) in bootstrap.KEPT:
                self._later(self._delay, "kept", event.key)
            return
        self._index(collection, event.key, obj)
        if event.type == ADDED and _references(obj):
            self._later(self._delay, "dependent", place)
        self._consider(collection, event.key, obj)

    def _index(self, collection: Collection, key: Key, obj: dict[str, Any]) -> None:
        self._owners[obj["metadata"].get("uid", "")] = (collection, key)
        for reference in _references(obj):
            self._dependents.setdefault(reference.get("uid", ""), set()).add((collection, key))

    def _consider(self, collection: Collection, key: Key, obj: dict[str, Any]) -> None:
        metadata = obj["metadata"]
        if "deletionTimestamp" not in metadata:
            return
        if collection == NAMESPACES:
            self._later(self._delay, "namespace", key)
        elif {deleting.ORPHAN, deleting.FOREGROUND} & set(metadata.get("finalizers") or ()):
            self._later(self._delay, "owner", metadata["uid"])
        elif collection == _PODS:
            self._later(self._delay, "pod", key)

    def _later(self, seconds: float, kind: str, what: Any, *, only_terminating: bool = False) -> None:
        if only_terminating:
            record = self._cluster.store.get(NAMESPACES, what)
            if record is None or "deletionTimestamp" not in record.object["metadata"]:
                return
        with self._wake:
            if (kind, what) in self._waiting:
                return
            self._waiting.add((kind, what))
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), kind, what))
            self._wake.notify_all()

    # What the thread does.

    def _run(self) -> None:
        handlers: dict[str, Callable[[Any], None]] = {
            "dependent": self._collect,
            "owner": self._release,
            "namespace": self._empty,
            "pod": self._reap,
            "roles": lambda _: aggregation.settle(self._cluster),
            "kept": lambda _: bootstrap.refill(self._cluster),
        }
        while True:
            with self._wake:
                while not self._stopped and (not self._due or self._due[0][0] > time.monotonic()):
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    self._wake.wait(wait)
                if self._stopped:
                    return
                _, _, kind, what = heapq.heappop(self._due)
                self._waiting.discard((kind, what))
            try:
                handlers[kind](what)
                self._after_write()
            except Failure as failure:
                logger.debug("%s %s: %s", kind, what, failure)
            except Exception:
                # A bug with one object must not end the care for all the others.
                logger.exception("%s %s", kind, what)

    def _object(self, place: Place) -> Record | None:
        return self._cluster.store.get(*place)

    def _delete(self, place: Place, *, propagation: str | None = None, grace: int | None = None) -> None:
        resource = self._cluster.registry.any_version(place[0])
        if resource is not None:
            options = DeleteOptions(propagation=propagation, grace_period=grace)
            deleting.delete_object(self._cluster, resource, place[1], options)

    def _collect(self, place: Place) -> None:
        """Delete an object none of whose owners is left; drop references to owners that are gone from others."""
        with self._cluster.store.transaction():
            record = self._object(place)
            if record is None or "deletionTimestamp" in record.object["metadata"]:
                return
            references = _references(record.object)
            present = [reference for reference in references if self._exists(reference, place[1][0])]
            if not references or len(present) == len(references):
                return
            if present:
                self._rewrite(place, record, present)
            else:
                self._delete(place)

    def _exists(self, reference: dict[str, Any], namespace: str) -> bool:
        place = self._owners.get(reference.get("uid", ""))
        if place is None or place[1][1] != reference.get("name"):
            return False
        # An owner in another namespace is no owner.
        return place[1][0] in ("", namespace)

    def _rewrite(self, place: Place, record: Record, references: list[dict[str, Any]]) -> None:
        metadata = {name: value for name, value in record.object["metadata"].items() if name != "ownerReferences"}
        if references:
            metadata["ownerReferences"] = references
        self._cluster.store.replace(*place, {**record.object, "metadata": metadata})

    def _release(self, uid: str) -> None:
        """Do what a propagation finalizer asks for, then take it off its owner."""
        with self._cluster.store.transaction():
            place = self._owners.get(uid)
            record = self._object(place) if place else None
            if place is None or record is None or "deletionTimestamp" not in record.object["metadata"]:
                return
            finalizers = record.object["metadata"].get("finalizers") or []
            dependents = sorted(self._dependents.get(uid, ()))
            if deleting.ORPHAN in finalizers:
                for dependent in dependents:
                    self._orphan(dependent, uid)
                self._take_off(place, record, deleting.ORPHAN)
            elif deleting.FOREGROUND in finalizers and not self._delete_dependents(dependents, uid):
                self._take_off(place, record, deleting.FOREGROUND)

    def _orphan(self, place: Place, uid: str) -> None:
        record = self._object(place)
        if record is not None:
            kept = [reference for reference in _references(record.object) if reference.get("uid") != uid]
            self._rewrite(place, record, kept)

    def _delete_dependents(self, dependents: list[Place], uid: str) -> bool:
        """Delete what depends on an owner; return whether something that blocks the owner is still there."""
        blocking = False
        for place in dependents:
            record = self._object(place)
            if record is None:
                continue
            if "deletionTimestamp" not in record.object["metadata"]:
                # Only what has dependents itself waits for them; the rest goes by its default policy.
                waits = bool(self._dependents.get(record.object["metadata"].get("uid", "")))
                self._delete(place, propagation="Foreground" if waits else None)
            record = self._object(place)
            if record is None:
                continue
            blocking |= any(
                reference.get("uid") == uid and reference.get("blockOwnerDeletion")
                for reference in _references(record.object)
            )
        return blocking

    def _take_off(self, place: Place, record: Record, finalizer: str) -> None:
        """Remove a finalizer, and with the last one the object."""
        left = [known for known in record.object["metadata"].get("finalizers") or () if known != finalizer]
        metadata = {name: value for name, value in record.object["metadata"].items() if name != "finalizers"}
        if left:
            metadata["finalizers"] = left
        obj = {**record.object, "metadata": metadata}
        resource = self._cluster.registry.any_version(place[0])
        if resource is not None and writing.finished(resource, obj):
            self._cluster.store.delete(*place, obj)
        else:
            self._cluster.store.replace(*place, obj)

    def _empty(self, key: Key) -> None:
        """Delete what is in a terminating namespace; when nothing is left, finish the namespace."""
        cluster = self._cluster
        with cluster.store.transaction():
            record = cluster.store.get(NAMESPACES, key)
            if record is None or "deletionTimestamp" not in record.object["metadata"]:
                return
            left: list[Place] = []
            for collection in cluster.store.collections():
                left += self._empty_of(collection, key[1])
            if left:
                self._tell_left(key, record, left)
                return
            obj = copy.deepcopy(record.object)
            finalizers = [known for known in obj["spec"].get("finalizers") or () if known != "kubernetes"]
            obj["spec"] = {**obj["spec"], "finalizers": finalizers} if finalizers else {}
            resource = cluster.resource("", "v1", "namespaces")
            if writing.finished(resource, obj):
                cluster.store.delete(NAMESPACES, key, obj)
            elif obj != record.object:
                cluster.store.replace(NAMESPACES, key, obj)

    def _empty_of(self, collection: Collection, namespace: str) -> list[Place]:
        """Delete a namespace's objects of one collection; return those that are still there."""
        store = self._cluster.store
        for key, record in store.objects(collection, namespace)[0]:
            held = "deletionTimestamp" in record.object["metadata"] and record.object["metadata"].get("finalizers")
            if not held:
                self._delete((collection, key), propagation="Background", grace=0)
        return [(collection, key) for key, _ in store.objects(collection, namespace)[0]]

    def _tell_left(self, key: Key, record: Record, left: list[Place]) -> None:
        """Write into the namespace's status what holds it."""
        counts: dict[str, int] = {}
        finalizers: dict[str, int] = {}
        for collection, name in left:
            group, plural = collection
            what = f"{plural}.{group}" if group else f"{plural}."
            counts[what] = counts.get(what, 0) + 1
            found = self._object((collection, name))
            for finalizer in (found.object["metadata"].get("finalizers") or ()) if found else ():
                finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
        before = record.object.get("status") or {}
        old = {condition["type"]: condition for condition in before.get("conditions") or ()}
        wanted = [
            _since(old, condition, self._cluster.now()) for condition in deletion_conditions.told(counts, finalizers)
        ]
        if wanted == list(old.values()):
            return
        obj = {**copy.deepcopy(record.object), "status": {**before, "conditions": wanted}}
        resource = self._cluster.resource("", "v1", "namespaces")
        obj["metadata"]["managedFields"] = managed_fields.record_update(
            record.object,
            obj,
            manager="kube-controller-manager",
            api_version="v1",
            schema=self._cluster.schema_of(resource),
            time=self._cluster.now(),
            subresource="status",
        )
        self._cluster.store.replace(NAMESPACES, key, obj)

    def _reap(self, key: Key) -> None:
        """Remove a terminating pod: at once when its node does not exist, else when its time is up.

        There is no kubelet to do it. The real pod garbage collector does the first part as well.
        """
        store = self._cluster.store
        with store.transaction():
            record = store.get(_PODS, key)
            if record is None or record.object["metadata"].get("finalizers"):
                return
            metadata = record.object["metadata"]
            if "deletionTimestamp" not in metadata:
                return  # another pod of the same name, made since
            node = record.object.get("spec", {}).get("nodeName", "")
            if (
                store.get(_NODES, ("", node)) is not None
                and metadata.get("deletionTimestamp", "") > self._cluster.now()
            ):
                self._later(self._delay, "pod", key)
                return
            self._delete((_PODS, key), grace=0)


__all__ = ["DELAY", "Controllers"]
