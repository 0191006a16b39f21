"""What every simulated controller is: what wakes it, and what it does for one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dynkube.controller import controller_of
from dynkube.selectors import LabelSelector
from dynkube.testing.simulation.world import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

#: Tells which keys of the controller an object of some collection concerns.
Concerns: TypeAlias = "Callable[[JSONObject], Iterable[Key]]"


class Controller:
    """Reconciles the objects of one kind. A subclass names what wakes it and what it does."""

    def __init__(self, world: World) -> None:
        self.world = world

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Return, for each collection it follows, which of its keys a change there concerns."""
        raise NotImplementedError

    def reconcile(self, key: Key) -> float | None:
        """Bring one object nearer to what it asks for; return the seconds after which to look again, or None."""
        raise NotImplementedError


def itself(obj: JSONObject) -> Iterable[Key]:
    """Return the key of the object itself."""
    return (key_of(obj),)


def owners(world: World, collection: Collection, kind: str) -> Concerns:
    """Return a function that names the controller of an object, or, for an orphan, whoever might adopt it."""

    def concerned(obj: JSONObject) -> Iterable[Key]:
        namespace = obj["metadata"].get("namespace", "")
        owner = controller_of(obj)
        if owner is not None:
            return ((namespace, owner["name"]),) if owner.get("kind") == kind else ()
        labels = obj["metadata"].get("labels")
        if not labels:
            return ()
        return [key_of(one) for one in world.objects(collection, namespace) if selector_of(one).matches(labels)]

    return concerned


def selector_of(obj: JSONObject) -> LabelSelector:
    """Return the selector in a workload's spec; a ReplicationController's is a plain map. It never selects all."""
    selector = obj["spec"].get("selector") or {}
    if obj["kind"] in ("ReplicationController", "Service"):
        selector = {"matchLabels": selector}
    return LabelSelector.from_spec(selector)
