"""How many pods each ReplicaSet of a deployment gets: bounds of a rolling update, proportions when it is scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynkube.testing.simulation.numbers import scaled
from dynkube.testing.simulation.world import REPLICA_SETS, key_of

if TYPE_CHECKING:
    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.world import World

#: What the deployment asked for when it last scaled the ReplicaSet: another number now means it was scaled.
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"
_COMPONENT: Final = "deployment-controller"


def bounds(deployment: JSONObject) -> tuple[int, int]:
    """Return how many pods may be there beyond, and be missing from, the number asked for."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, 0
    rolling, wanted = strategy.get("rollingUpdate") or {}, deployment["spec"]["replicas"]
    surge = scaled(rolling.get("maxSurge"), wanted, up=True)
    unavailable = scaled(rolling.get("maxUnavailable"), wanted, up=False)
    # Both may be rounded to zero; then nothing would ever move.
    return (surge, unavailable) if surge or unavailable else (0, 1)


def size_notes(deployment: JSONObject) -> dict[str, str]:
    """Return what a ReplicaSet remembers of the deployment's size."""
    wanted = deployment["spec"]["replicas"]
    return {DESIRED: str(wanted), MAXIMUM: str(wanted + bounds(deployment)[0])}


def available(replica_set: JSONObject) -> int:
    """Return the available pods of a ReplicaSet, as its status says."""
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def asked(deployment: JSONObject, sets: list[JSONObject]) -> bool:
    """Tell whether the deployment was scaled since it last scaled its ReplicaSets."""
    wanted = str(deployment["spec"]["replicas"])
    known = [(one["metadata"].get("annotations") or {}).get(DESIRED, wanted) for one in sets if one["spec"]["replicas"]]
    return any(one != wanted for one in known)


def set_scale(world: World, deployment: JSONObject, replica_set: JSONObject, replicas: int) -> None:
    """Scale one ReplicaSet and tell so at the deployment."""
    before = replica_set["spec"]["replicas"]

    def resize(obj: JSONObject) -> None:
        obj["spec"]["replicas"] = replicas
        obj["metadata"].setdefault("annotations", {}).update(size_notes(deployment))

    world.update(REPLICA_SETS, key_of(replica_set), resize)
    if replicas != before:
        way = "up" if replicas > before else "down"
        name = replica_set["metadata"]["name"]
        message = f"Scaled {way} replica set {name} from {before} to {replicas}"
        world.tell(deployment, "ScalingReplicaSet", message, component=_COMPONENT)


def scale(world: World, deployment: JSONObject, sets: list[JSONObject], new: JSONObject | None) -> None:
    """Bring the ReplicaSets to the deployment's size without going on with the rollout."""
    wanted = deployment["spec"]["replicas"]
    active = [one for one in sets if one["spec"]["replicas"]]
    if len(active) <= 1:
        only = active[0] if active else new or (sets[-1] if sets else None)
        if only is not None:
            set_scale(world, deployment, only, wanted)
        return
    uid = new["metadata"]["uid"] if new else ""
    if new is not None and new["spec"]["replicas"] == wanted == available(new):
        for one in active:
            set_scale(world, deployment, one, wanted if one["metadata"]["uid"] == uid else 0)
        return
    goal = wanted + bounds(deployment)[0] if wanted else 0
    for one, replicas in _shares(active, goal):
        set_scale(world, deployment, one, replicas)


def _shares(active: list[JSONObject], goal: int) -> list[tuple[JSONObject, int]]:
    """Share a number of pods out in proportion to what each has; the largest gets what rounding leaves."""
    total = sum(one["spec"]["replicas"] for one in active)
    largest = sorted(active, key=lambda one: -one["spec"]["replicas"])
    shares = [one["spec"]["replicas"] * goal // total for one in largest]
    shares[0] += goal - sum(shares)
    return list(zip(largest, shares, strict=True))


def shrink_old(world: World, deployment: JSONObject, new: JSONObject, old: list[JSONObject]) -> bool:
    """Take away old pods: broken ones first, then as many as stay above the minimum. Return whether any are left."""
    left = sum(one["spec"]["replicas"] for one in old)
    if not left:
        return False
    minimum = deployment["spec"]["replicas"] - bounds(deployment)[1]
    total = left + new["spec"]["replicas"]
    budget = total - minimum - (new["spec"]["replicas"] - available(new))
    if budget <= 0:
        return True
    sizes = {one["metadata"]["name"]: one["spec"]["replicas"] for one in old}
    for one in old:
        broken = min(budget, max(0, sizes[one["metadata"]["name"]] - available(one)))
        sizes[one["metadata"]["name"]] -= broken
        budget -= broken
    spare = sum(map(available, old)) + available(new) - minimum
    for one in old:
        name = one["metadata"]["name"]
        taken = max(0, min(spare, sizes[name]))
        sizes[name] -= taken
        spare -= taken
    for one in old:
        if sizes[one["metadata"]["name"]] != one["spec"]["replicas"]:
            set_scale(world, deployment, one, sizes[one["metadata"]["name"]])
    return True
