"""Which ReplicaSet belongs to which template of a deployment, and the revisions `kubectl rollout` reads."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from dynkube.controller import set_controller
from dynkube.testing.http.failures import Failure
from dynkube.testing.simulation import deployment_scaling as scaling
from dynkube.testing.simulation.numbers import name_hash
from dynkube.testing.simulation.world import DEPLOYMENTS, REPLICA_SETS, key_of

if TYPE_CHECKING:
    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.world import World

#: The label that tells the pods of one template from those of another.
HASH: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
_HISTORY: Final = "deployment.kubernetes.io/revision-history"
#: Annotations of a deployment that are not its ReplicaSets'.
_OWN: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        _HISTORY,
        scaling.DESIRED,
        scaling.MAXIMUM,
    }
)


def same_template(deployment: JSONObject, replica_set: JSONObject) -> bool:
    """Tell whether a ReplicaSet has the deployment's template, its own label apart."""
    template = copy.deepcopy(replica_set["spec"]["template"])
    labels = (template.get("metadata") or {}).get("labels") or {}
    labels.pop(HASH, None)
    wanted = deployment["spec"]["template"]
    mine = {**(template.get("metadata") or {}), "labels": labels}
    theirs = {**(wanted.get("metadata") or {})}
    theirs.setdefault("labels", {})
    return _known(mine) == _known(theirs) and template["spec"] == wanted["spec"]


def _known(metadata: JSONObject) -> JSONObject:
    return {name: value for name, value in metadata.items() if value}


def revision_of(obj: JSONObject) -> int:
    """Return the revision in an object's annotations, 0 if there is none."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def new_set(world: World, deployment: JSONObject, old: list[JSONObject], replicas: int) -> JSONObject:
    """Create the ReplicaSet of a deployment's template. A name that is taken counts as a collision of hashes."""
    spec = deployment["spec"]
    collisions = (deployment.get("status") or {}).get("collisionCount", 0)
    taken = {one["metadata"]["name"] for one in old}
    while True:
        digest = name_hash(spec["template"], collisions)
        name = f"{deployment['metadata']['name']}-{digest}"
        if name not in taken:
            break
        collisions += 1
    template = copy.deepcopy(spec["template"])
    template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = digest
    selector = copy.deepcopy(spec["selector"])
    selector.setdefault("matchLabels", {})[HASH] = digest
    annotations = _inherited(deployment) | {REVISION: str(max(map(revision_of, old), default=0) + 1)}
    annotations |= scaling.size_notes(deployment)
    obj: JSONObject = {
        "metadata": {
            "name": name,
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": annotations,
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }
    if spec.get("minReadySeconds"):
        obj["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    set_controller(obj, deployment)
    try:
        return world.create(REPLICA_SETS, obj)
    except Failure as failure:
        if failure.code != 409:
            raise
        bumped = {**(deployment.get("status") or {}), "collisionCount": collisions + 1}
        world.update_status(DEPLOYMENTS, key_of(deployment), bumped)
        raise


def _inherited(deployment: JSONObject) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {name: value for name, value in annotations.items() if name not in _OWN}


def record_revision(world: World, deployment: JSONObject, new: JSONObject, old: list[JSONObject]) -> JSONObject:
    """Give the new ReplicaSet the newest revision (a rollback makes an old one new) and the deployment the same."""
    newest = max(map(revision_of, old), default=0) + 1
    before = revision_of(new)
    revision = max(before, newest)

    def renumber(obj: JSONObject) -> None:
        annotations = obj["metadata"].setdefault("annotations", {})
        annotations.update(_inherited(deployment))
        if before != revision:
            annotations[REVISION] = str(revision)
            if before:
                history = [*filter(None, annotations.get(_HISTORY, "").split(",")), str(before)]
                annotations[_HISTORY] = ",".join(history)
        wanted = deployment["spec"].get("minReadySeconds", 0)
        if obj["spec"].get("minReadySeconds", 0) != wanted:
            obj["spec"]["minReadySeconds"] = wanted

    stored = world.update(REPLICA_SETS, key_of(new), renumber) or new

    def note(obj: JSONObject) -> None:
        obj["metadata"].setdefault("annotations", {})[REVISION] = str(revision)

    world.update(DEPLOYMENTS, key_of(deployment), note)
    return stored
