"""The rollouts of a Deployment, StatefulSet or DaemonSet: what `kubectl rollout` does, for one object."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from dynkube.dynamic.binding import Binding
from dynkube.dynamic.client_side_apply import LAST_APPLIED
from dynkube.errors import InvalidRequestError
from dynkube.names import GroupVersionResource
from dynkube.objects import nested_get
from dynkube.selectors import LabelSelector

if TYPE_CHECKING:
    from dynkube.dynamic.resource import Resource
    from dynkube.objects import JSONObject

#: Set in a pod template, it makes the template another one: kubectl's.
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
#: Says which revision a Deployment is, and each of its ReplicaSets.
REVISION = "deployment.kubernetes.io/revision"
_CHANGE_CAUSE = "kubernetes.io/change-cause"
_TEMPLATE_HASH = "pod-template-hash"
#: What remembers the templates of each kind.
_KEPT_IN = {
    "deployments": GroupVersionResource("apps", "v1", "replicasets"),
    "statefulsets": GroupVersionResource("apps", "v1", "controllerrevisions"),
    "daemonsets": GroupVersionResource("apps", "v1", "controllerrevisions"),
}
#: A Deployment's annotations that do not go back with its template: kubectl's (`rollback.go`).
_STAY = frozenset(
    {
        LAST_APPLIED,
        "deprecated.deployment.rollback.to",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deployment.kubernetes.io/revision-history",
        REVISION,
    }
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One template an object had."""

    number: int
    #: The pod template, without the marks of its revision.
    template: JSONObject
    #: What the annotation kubernetes.io/change-cause said then, "" if nothing.
    change_cause: str
    #: The ReplicaSet or ControllerRevision that remembers it.
    object: JSONObject


class Rollout:
    """The rollouts of one object; `Resource.rollout(name)` returns it. Nothing is sent before a method is called."""

    def __init__(self, view: Resource, name: str) -> None:
        self._view = view
        self._name = name
        view.endpoint("patch").item(name)
        gvr = view.gvr
        if gvr.group != "apps" or gvr.resource not in _KEPT_IN:
            raise InvalidRequestError(
                f"{gvr.group_resource} are not rolled out: deployments, statefulsets and daemonsets of apps are"
            )

    def restart(self, *, dry_run: bool = False, field_manager: str | None = None) -> JSONObject:
        """Have all pods replaced, by the rules of the object's strategy, and return the object.

        It says in the template when that was asked for (`RESTARTED_AT`), as kubectl does, so each call replaces them
        once. Raises InvalidRequestError for a paused Deployment, which would do nothing.
        """
        self._running("restarted")
        stamp = datetime.now(timezone.utc).isoformat()
        template = {"metadata": {"annotations": {RESTARTED_AT: stamp}}}
        return self._patch({"spec": {"template": template}}, dry_run, field_manager)

    def wait(self, *, timeout: float | None = None) -> JSONObject:
        """Block until every pod is of the present template and available; return the object.

        Raises NotFound where it does not exist, WaitFailedError when a Deployment passes its progress deadline or the
        object is deleted, WaitTimeoutError after `timeout` seconds (None: no limit), InvalidRequestError where pods
        wait to be deleted (OnDelete).
        """
        from dynkube.watch import deleted
        from dynkube.watch.rolling_out import rolled_out, rollout_failed

        self._view.get(self._name)  # what is not there is a mistake, not something to wait for
        found = self._view.wait(self._name, rolled_out(), timeout=timeout, raise_for=(rollout_failed(), deleted()))
        assert found is not None  # noqa: S101 - its absence is one of `raise_for`
        return found

    def pause(self, *, dry_run: bool = False, field_manager: str | None = None) -> JSONObject:
        """Have a Deployment's changes of the template wait until `resume`; return the object."""
        return self._set_paused(True, dry_run, field_manager)

    def resume(self, *, dry_run: bool = False, field_manager: str | None = None) -> JSONObject:
        """Have a paused Deployment roll out what was changed meanwhile; return the object."""
        return self._set_paused(None, dry_run, field_manager)

    def history(self) -> list[Revision]:
        """Return the templates that are remembered, the oldest first."""
        return self._history(self._view.get(self._name))

    def undo(
        self, to_revision: int | None = None, *, dry_run: bool = False, field_manager: str | None = None
    ) -> JSONObject:
        """Give the object the template of an earlier revision, the one before the present; return the object.

        The revision becomes the newest. An object that has that template already is left as it is. Raises
        InvalidRequestError for a revision that is not remembered, and for a paused Deployment.
        """
        obj = self._running("rolled back")
        revision = self._chosen(self._history(obj), to_revision)
        patch: JSONObject = {"spec": {"template": {**revision.template, "$patch": "replace"}}}
        if self._view.gvr.resource == "deployments":
            patch["metadata"] = {"annotations": _annotations_back(obj, revision.object)}
        return self._patch(patch, dry_run, field_manager)

    def _chosen(self, known: list[Revision], number: int | None) -> Revision:
        if number is None:
            if len(known) < 2:
                raise InvalidRequestError(f"{self} has no earlier revision to go back to")
            return known[-2]
        found = next((revision for revision in known if revision.number == number), None)
        if found is None:
            numbers = ", ".join(str(revision.number) for revision in known) or "none"
            raise InvalidRequestError(f"{self} has no revision {number}; remembered: {numbers}")
        return found

    def _history(self, obj: JSONObject) -> list[Revision]:
        from dynkube.dynamic.resource import Resource

        metadata, view = obj["metadata"], self._view
        gvr = _KEPT_IN[view.gvr.resource]
        binding = Binding(view.rest, metadata["namespace"], asked=str(gvr), gvr=gvr)
        kept = Resource(binding, namespace=metadata["namespace"], cancellation=view.endpoint().cancellation)
        selector = LabelSelector.from_spec(nested_get(obj, "spec", "selector", default={}))
        found = [
            revision
            for each in kept.iter(label_selector=selector)
            if _controller(each) == metadata["uid"] and (revision := _revision(each)).number
        ]
        return sorted(found, key=lambda revision: revision.number)

    def _running(self, what: str) -> JSONObject:
        """Return the object; raise if it is paused."""
        obj = self._view.get(self._name)
        if nested_get(obj, "spec", "paused"):
            raise InvalidRequestError(f"{self} is paused and cannot be {what}: resume it first")
        return obj

    def _set_paused(self, paused: bool | None, dry_run: bool, field_manager: str | None) -> JSONObject:
        if self._view.gvr.resource != "deployments":
            raise InvalidRequestError(f"{self} cannot be paused: only deployments can")
        return self._patch({"spec": {"paused": paused}}, dry_run, field_manager)

    def _patch(self, patch: JSONObject, dry_run: bool, field_manager: str | None) -> JSONObject:
        return self._view.patch(self._name, patch, type="strategic", dry_run=dry_run, field_manager=field_manager)

    def __str__(self) -> str:
        return f"{self._view.gvr.group_resource} {self._name!r}"

    def __repr__(self) -> str:
        return f"<Rollout of {self}>"


def _revision(kept: JSONObject) -> Revision:
    """Return the template a ReplicaSet or ControllerRevision remembers, numbered 0 where it has no number yet."""
    annotations = kept["metadata"].get("annotations") or {}
    cause = annotations.get(_CHANGE_CAUSE, "")
    if "spec" in kept:
        template = copy.deepcopy(kept["spec"]["template"])
        nested_get(template, "metadata", "labels", default={}).pop(_TEMPLATE_HASH, None)
        number = annotations.get(REVISION, "")
        return Revision(int(number) if number.isdigit() else 0, template, cause, kept)
    # A ControllerRevision holds the patch that brings it back.
    patch = nested_get(kept, "data", "spec", "template", default={})
    template = {key: value for key, value in patch.items() if key != "$patch"}
    return Revision(int(kept.get("revision") or 0), template, cause, kept)


def _controller(obj: JSONObject) -> Any:
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner.get("uid") for owner in owners if owner.get("controller")), None)


def _annotations_back(obj: JSONObject, kept: JSONObject) -> dict[str, str | None]:
    """Return what has to be set and removed (None) for a Deployment to have the annotations it had then."""
    now: dict[str, str] = obj["metadata"].get("annotations") or {}
    then: dict[str, str] = kept["metadata"].get("annotations") or {}
    back: dict[str, str | None] = {key: None for key in now if key not in then and key not in _STAY}
    return back | {key: value for key, value in then.items() if key not in _STAY}
