"""What controllers ask of pods, and how they make and adopt them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from dynkube.controller import controller_of, set_controller
from dynkube.objects import get_condition
from dynkube.testing.printing.durations import parse_time
from dynkube.testing.simulation.world import PODS, key_of, terminating

if TYPE_CHECKING:
    import datetime

    from dynkube.objects import JSONObject
    from dynkube.selectors import LabelSelector
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection

#: Phases a pod does not leave.
FINISHED = ("Succeeded", "Failed")


def phase(pod: JSONObject) -> str:
    """Return a pod's phase."""
    return str((pod.get("status") or {}).get("phase", ""))


def active(pod: JSONObject) -> bool:
    """Tell whether a pod counts: neither finished nor deleted."""
    return not terminating(pod) and phase(pod) not in FINISHED


def ready(pod: JSONObject) -> bool:
    """Tell whether a pod is Ready."""
    condition = get_condition(pod, "Ready")
    return condition is not None and condition["status"] == "True"


def until_available(pod: JSONObject, seconds: int, now: datetime.datetime) -> float | None:
    """Return how long a pod must stay Ready to count as available: 0 if it is, None if it is not Ready."""
    condition = get_condition(pod, "Ready")
    if condition is None or condition["status"] != "True":
        return None
    since = parse_time(str(condition.get("lastTransitionTime", "")))
    if not seconds or since is None:
        return 0.0
    return max(0.0, seconds - (now - since).total_seconds())


def available(pods: list[JSONObject], seconds: int, now: datetime.datetime) -> tuple[int, float | None]:
    """Return how many pods are available, and the seconds until there is one more (None: it is not only time)."""
    waits = [wait for pod in pods if (wait := until_available(pod, seconds, now)) is not None]
    coming = [wait for wait in waits if wait > 0]
    return len(waits) - len(coming), min(coming) if coming else None


def from_template(template: JSONObject, owner: JSONObject, *, name: str = "") -> JSONObject:
    """Return a new pod of a template, controlled by its owner; without a name it gets a generated one."""
    given = template.get("metadata") or {}
    metadata = {key: copy.deepcopy(given[key]) for key in ("labels", "annotations", "finalizers") if given.get(key)}
    metadata["namespace"] = owner["metadata"]["namespace"]
    if name:
        metadata["name"] = name
    else:
        metadata["generateName"] = f"{owner['metadata']['name']}-"
    pod = {"metadata": metadata, "spec": copy.deepcopy(template["spec"])}
    set_controller(pod, owner)
    return pod


def make(world: World, pod: JSONObject, owner: JSONObject, component: str) -> JSONObject:
    """Create a pod and tell so at its owner."""
    made = world.create(PODS, pod)
    world.tell(owner, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", component=component)
    return made


def remove(world: World, pod: JSONObject, owner: JSONObject, component: str) -> None:
    """Delete a pod and tell so at its owner."""
    world.delete(PODS, pod)
    world.tell(owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", component=component)


def claim(world: World, owner: JSONObject, collection: Collection, selector: LabelSelector) -> list[JSONObject]:
    """Return what an owner controls: orphans that match are adopted, what no longer matches is released."""
    mine: list[JSONObject] = []
    for obj in world.owned(collection, owner):
        if selector.matches(obj["metadata"].get("labels")):
            mine.append(obj)
        elif not terminating(owner):
            world.update(collection, key_of(obj), lambda changed: _release(changed, owner))
    if terminating(owner):
        return mine
    for obj in world.objects(collection, owner["metadata"]["namespace"]):
        orphan = controller_of(obj) is None and not terminating(obj)
        if orphan and selector.matches(obj["metadata"].get("labels")):
            adopted = world.update(collection, key_of(obj), lambda changed: set_controller(changed, owner))
            mine += [adopted] if adopted is not None else []
    return mine


def _release(obj: JSONObject, owner: JSONObject) -> None:
    uid = owner["metadata"]["uid"]
    left = [one for one in obj["metadata"].get("ownerReferences") or [] if one.get("uid") != uid]
    if left:
        obj["metadata"]["ownerReferences"] = left
    else:
        del obj["metadata"]["ownerReferences"]
