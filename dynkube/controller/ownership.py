"""Owners, their dependants, and the finalizers that hold an object until its outside is cleaned up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError, NotFound
from dynkube.objects import add_finalizer, nested_get, owner_reference, remove_finalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.controller.protocol import Objects
    from dynkube.objects import JSONObject


def controller_of(obj: Mapping[str, Any]) -> JSONObject | None:
    """Return the owner reference marked as controller, of which there is at most one; or None."""
    for reference in nested_get(obj, "metadata", "ownerReferences") or []:
        if reference.get("controller"):
            found: JSONObject = reference
            return found
    return None


def set_controller(obj: JSONObject, owner: Mapping[str, Any]) -> bool:
    """Make `owner` the controller of `obj`, in place; return whether that changed it.

    The server deletes `obj` when the owner is gone, and the owner only after it where deletion is in the foreground
    (`blockOwnerDeletion`). Raises `InvalidRequestError` if another controller has it, if the owner was not read from a
    server, or if the owner is in a namespace and `obj` is not in the same: the garbage collector would not find the
    owner and delete `obj` at once.
    """
    reference = owner_reference(owner, controller=True, block_owner_deletion=True)
    namespace, owners = nested_get(obj, "metadata", "namespace"), nested_get(owner, "metadata", "namespace")
    if owners and owners != namespace:
        place = f"in {namespace}" if namespace else "without a namespace (in its metadata)"
        raise InvalidRequestError(f"an object {place} cannot be owned by one in {owners}")
    present = controller_of(obj)
    if present is not None and present.get("uid") != reference["uid"]:
        raise InvalidRequestError(f"it is already controlled by {present.get('kind')} {present.get('name')}")
    if present == reference:
        return False
    metadata = obj.setdefault("metadata", {})
    # In its place if it is an owner already: the order is nobody's to change. A dict keeps the place of a key.
    references = {one.get("uid"): one for one in metadata.get("ownerReferences") or []}
    metadata["ownerReferences"] = list({**references, reference["uid"]: reference}.values())
    return True


def key_of_controller(
    obj: Mapping[str, Any], kind: str, group: str = "", *, cluster_scoped: bool = False
) -> str | None:
    """Return the queue key of the controller of `obj` if it is of this kind and group, else None.

    For handlers of dependants: what happened to a Pod is for its ReplicaSet to see to. `cluster_scoped` says that the
    kind of the controller has no namespaces, which its reference does not tell.
    """
    reference = controller_of(obj)
    if reference is None or reference.get("kind") != kind:
        return None
    if str(reference.get("apiVersion", "")).rpartition("/")[0] != group:
        return None
    namespace = nested_get(obj, "metadata", "namespace")
    return f"{namespace}/{reference['name']}" if namespace and not cluster_scoped else str(reference["name"])


def finalize(objects: Objects, obj: JSONObject, finalizer: str, clean_up: Callable[[JSONObject], object]) -> bool:
    """See to a finalizer and return whether the object is here to stay.

    True: the object is not being deleted and bears the finalizer (it is written if need be; work on). False: it
    is being deleted; `clean_up` was called if the finalizer was still there, which is then removed. `clean_up` may be
    called again after a failure and must not mind; nor that what it undoes was never done. Raises what it and the
    writes raise, `Conflict` included: the next round sees the newer object.
    """
    deleting = nested_get(obj, "metadata", "deletionTimestamp") is not None
    present = finalizer in (nested_get(obj, "metadata", "finalizers") or [])
    if not deleting:
        if not present:
            _write_finalizers(objects, obj, lambda changed: add_finalizer(changed, finalizer))
        return True
    if present:
        clean_up(obj)
        try:
            _write_finalizers(objects, obj, lambda changed: remove_finalizer(changed, finalizer))
        except NotFound:
            return False  # somebody else took the last finalizer away
    return False


def _write_finalizers(objects: Objects, obj: JSONObject, change: Callable[[JSONObject], object]) -> None:
    """Write the finalizers of this version of the object; of any later one it would be a guess."""
    metadata = obj["metadata"]
    changed: JSONObject = {"metadata": {"finalizers": list(metadata.get("finalizers") or [])}}
    change(changed)
    body = {
        "metadata": {
            "resourceVersion": metadata["resourceVersion"],
            "finalizers": changed["metadata"].get("finalizers"),
        }
    }
    objects.patch(metadata["name"], body, type="merge")
