"""PodDisruptionBudgets: how many pods may be evicted at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.controller import controller_of
from dynkube.selectors import LabelSelector
from dynkube.testing.simulation import pods
from dynkube.testing.simulation.conditions import with_condition
from dynkube.testing.simulation.controller import Controller, itself
from dynkube.testing.simulation.numbers import scaled
from dynkube.testing.simulation.world import (
    BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
    key_of,
    terminating,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.storage.store import Collection, Key

_SCALED: dict[str, Collection] = {
    "ReplicaSet": REPLICA_SETS,
    "ReplicationController": REPLICATION_CONTROLLERS,
    "StatefulSet": STATEFUL_SETS,
}


class Budgets(Controller):
    """Counts healthy pods and writes what that allows."""

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow budgets, pods, and the owners whose size a percentage is of."""
        around = dict.fromkeys(_SCALED.values(), self._namespace_of)
        return {BUDGETS: itself, PODS: self._selecting, **around}

    def _selecting(self, pod: JSONObject) -> Iterable[Key]:
        labels = pod["metadata"].get("labels")
        budgets = self.world.objects(BUDGETS, pod["metadata"]["namespace"])
        return [key_of(one) for one in budgets if _selector(one).matches(labels)]

    def _namespace_of(self, obj: JSONObject) -> Iterable[Key]:
        return [key_of(one) for one in self.world.objects(BUDGETS, obj["metadata"]["namespace"])]

    def reconcile(self, key: Key) -> float | None:
        """Write the status of one budget."""
        budget = self.world.get(BUDGETS, key)
        if budget is None or terminating(budget):
            return None
        selector = _selector(budget)
        chosen = [pod for pod in self.world.objects(PODS, key[0]) if selector.matches(pod["metadata"].get("labels"))]
        chosen = [pod for pod in chosen if pods.phase(pod) not in pods.FINISHED]
        expected, desired = self._wanted(budget, chosen)
        old = budget.get("status") or {}
        present = {pod["metadata"]["name"] for pod in chosen if not terminating(pod)}
        disrupted = {name: when for name, when in (old.get("disruptedPods") or {}).items() if name in present}
        healthy = sum(
            pods.ready(pod) and not terminating(pod) and pod["metadata"]["name"] not in disrupted for pod in chosen
        )
        allowed = max(0, healthy - desired) if expected else 0
        conditions = with_condition(
            old.get("conditions") or (),
            "DisruptionAllowed",
            "True" if allowed else "False",
            self.world.now(),
            reason="SufficientPods" if allowed else "InsufficientPods",
        )
        generation = budget["metadata"].get("generation", 1)
        conditions = [{"message": "", **one, "observedGeneration": generation} for one in conditions]
        status = {
            "conditions": conditions,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": generation,
            "disruptedPods": disrupted or None,
        }
        self.world.update_status(BUDGETS, key, status)
        return None

    def _wanted(self, budget: JSONObject, chosen: list[JSONObject]) -> tuple[int, int]:
        """Return how many pods there should be, and how many of them healthy."""
        spec = budget["spec"]
        if "maxUnavailable" in spec:
            expected = self._size_of_owners(chosen)
            return expected, max(0, expected - scaled(spec["maxUnavailable"], expected, up=True))
        minimum = spec.get("minAvailable", 1)
        if isinstance(minimum, str):
            expected = self._size_of_owners(chosen)
            return expected, scaled(minimum, expected, up=True)
        return len(chosen), int(minimum)

    def _size_of_owners(self, chosen: list[JSONObject]) -> int:
        sizes: dict[str, int] = {}
        for pod in chosen:
            owner = controller_of(pod)
            if owner is None or owner["kind"] not in _SCALED:
                continue
            found = self.world.get(_SCALED[owner["kind"]], (pod["metadata"]["namespace"], owner["name"]))
            if found is not None:
                sizes[owner["uid"]] = found["spec"].get("replicas", 1)
        return sum(sizes.values())


def _selector(budget: JSONObject) -> LabelSelector:
    return LabelSelector.from_spec(budget["spec"].get("selector") or {})
