"""ControllerRevisions: the templates a StatefulSet or DaemonSet had, which `kubectl rollout history` and undo read."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from dynkube.controller import set_controller
from dynkube.testing.simulation.numbers import name_hash
from dynkube.testing.simulation.world import REVISIONS, key_of

if TYPE_CHECKING:
    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.world import World

#: The label of pods that says which revision they are of.
HASH: Final = "controller-revision-hash"


def _data(owner: JSONObject) -> JSONObject:
    template = {**copy.deepcopy(owner["spec"]["template"]), "$patch": "replace"}
    return {"spec": {"template": template}}


def revision(world: World, owner: JSONObject) -> JSONObject:
    """Return the revision of an owner's present template; a template that was there before gets the newest number."""
    known = world.owned(REVISIONS, owner)
    newest = max((one["revision"] for one in known), default=0)
    wanted = _data(owner)
    for one in known:
        if one.get("data") == wanted:
            if one["revision"] < newest:
                return world.update(REVISIONS, key_of(one), lambda obj: obj.update(revision=newest + 1)) or one
            return one
    metadata = owner["metadata"]
    digest = name_hash(wanted, len([one for one in known if one["metadata"]["name"].endswith(name_hash(wanted))]))
    made: JSONObject = {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": {**((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}), HASH: digest},
        },
        "data": wanted,
        "revision": newest + 1,
    }
    annotations = {
        name: value
        for name, value in (metadata.get("annotations") or {}).items()
        if name != "kubectl.kubernetes.io/last-applied-configuration"
    }
    if annotations:
        made["metadata"]["annotations"] = annotations
    set_controller(made, owner)
    return world.create(REVISIONS, made)


def forget(world: World, owner: JSONObject, used: set[str]) -> None:
    """Delete the oldest revisions beyond the history limit; those in use (by name) do not count."""
    unused = [one for one in world.owned(REVISIONS, owner) if one["metadata"]["name"] not in used]
    unused.sort(key=lambda one: one["revision"])
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    for one in unused[: max(0, len(unused) - limit)]:
        world.delete(REVISIONS, one)
