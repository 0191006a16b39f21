"""Evictions: deletes of pods that budgets of disruption may refuse."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dynkube.objects import nested_get
from dynkube.selectors import LabelSelector
from dynkube.testing.flows import deleting, parts
from dynkube.testing.flows.scaling import selector_text
from dynkube.testing.http import failures
from dynkube.testing.http.options import DeleteOptions, write_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.answers import ObjectAnswer
    from dynkube.testing.resources.registry import Resource, Subresource
    from dynkube.testing.storage.store import Key

#: Phases in which a pod serves nobody: its eviction disrupts nothing.
_UNPROTECTED = frozenset({"Pending", "Succeeded", "Failed"})


def evict(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    """Answer a POST of an eviction."""
    options = write_options(call.route.query, "CreateOptions")
    eviction = parts.body(call, sub, options.field_validation)
    if nested_get(eviction, "metadata", "name") != call.route.name:
        raise failures.bad_request("name in URL does not match name in Eviction object")
    asked = eviction.get("deleteOptions") or {}
    dry_run = options.dry_run or bool(asked.get("dryRun"))
    cluster = call.cluster
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        obj = copy.deepcopy(cluster.shown(resource, record))
        if "deletionTimestamp" not in obj["metadata"] and nested_get(obj, "status", "phase") not in _UNPROTECTED:
            budgets = _check_budgets(call, obj)
            for key, budget in () if dry_run else budgets:
                _disrupt(call, key, budget, call.route.name)
        if not dry_run:
            condition = {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting",
            }
            parts.set_condition(obj, condition, cluster.now())
            cluster.store.replace(resource.collection, call.key, obj)
            preconditions = {k: v for k, v in (asked.get("preconditions") or {}).items() if isinstance(v, str)}
            delete = DeleteOptions(grace_period=asked.get("gracePeriodSeconds"), preconditions=preconditions)
            deleting.delete_object(cluster, resource, call.key, delete)
    return parts.success()


def _disrupt(call: Call, key: Key, budget: dict[str, Any], pod: str) -> None:
    """Take one eviction off a budget at once: the next one must not wait for the controller to count anew."""
    status = budget["status"]
    disrupted = {**(status.get("disruptedPods") or {}), pod: call.cluster.now()}
    changed = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1, "disruptedPods": disrupted}
    call.cluster.store.replace(("policy", "poddisruptionbudgets"), key, {**budget, "status": changed})


def _check_budgets(call: Call, pod: Mapping[str, Any]) -> list[tuple[Key, dict[str, Any]]]:
    """Return the budget an eviction of this pod counts against, if any.

    Raises the 429 Failure when it has nothing left or was not counted yet, and the 500 one of two budgets for one pod.
    """
    found = [
        (key, record.object)
        for key, record in call.cluster.store.objects(("policy", "poddisruptionbudgets"), call.key[0])[0]
        if _covers(record.object, pod["metadata"].get("labels") or {})
    ]
    if len(found) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise failures.Failure("", text, code=500)
    for _, budget in found:
        status = budget.get("status") or {}
        desired, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        if not _ready(pod) and healthy >= desired > 0:
            return []
        name = budget["metadata"]["name"]
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
            raise _over_budget(f"The disruption budget {name} is still being processed by the server.", 10)
        if status.get("disruptionsAllowed", 0) < 0:
            raise failures.forbidden("policy", "poddisruptionbudget", name, "pdb disruptions allowed is negative")
        if not status.get("disruptionsAllowed"):
            raise _over_budget(f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
    return found


def _covers(budget: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a budget is about a pod with these labels; an empty selector is about none."""
    text = selector_text(nested_get(budget, "spec", "selector"))
    return bool(text) and LabelSelector.parse(text).matches(labels)


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = nested_get(pod, "status", "conditions") or ()
    return any(found.get("type") == "Ready" and found.get("status") == "True" for found in conditions)


def _over_budget(message: str, retry_after: int = 0) -> failures.Failure:
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    details: dict[str, Any] = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    if not retry_after:
        return failures.Failure("TooManyRequests", text, details=details)
    details["retryAfterSeconds"] = retry_after
    return failures.Failure("TooManyRequests", text, details=details, headers={"Retry-After": str(retry_after)})
