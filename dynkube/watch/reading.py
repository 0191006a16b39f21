"""What is read out of a list and out of an event, and how it is told that they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject

_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})


def object_key(obj: Mapping[str, Any]) -> str:
    """Return `<namespace>/<name>`, or `<name>` where there is no namespace (client-go `MetaNamespaceKeyFunc`).

    Raises `KeyError` if the object has no `metadata.name`.
    """
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    name: str = metadata["name"]
    return f"{namespace}/{name}" if namespace else name


def split_key(key: str) -> tuple[str, str]:
    """Return (namespace, name) of a key; the namespace is "" where there is none. `ValueError` if it is no key."""
    parts = key.split("/")
    if len(parts) > 2 or not all(parts):
        message = f"{key!r} is not <namespace>/<name> or <name>"
        raise ValueError(message)
    return (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])


def read_event(event: Mapping[str, Any]) -> tuple[str, str, Mapping[str, str] | None]:
    """Return the type, the resourceVersion and, for a bookmark, the annotations of an event.

    Raises `ResponseError` for what is no event of a Kubernetes watch: without a known type, an object, its
    name or its version nothing can be resumed, so the stream cannot be trusted any further.
    """
    try:
        kind = event["type"]
        metadata = event["object"]["metadata"]
        version = metadata["resourceVersion"]
        if kind == "BOOKMARK":
            usable = isinstance(version, str) and version != ""
            annotations = metadata.get("annotations")
            usable = usable and isinstance(annotations, dict | None)
        else:
            usable = kind in _CHANGES and isinstance(version, str) and version != ""
            # A watch asked for as a Table sends tables of one row: they have the version of their object, not its name.
            usable = usable and bool(metadata.get("name") or event["object"].get("kind") == "Table")
            annotations = None
    except (KeyError, TypeError, AttributeError):
        usable = False
    if not usable:
        kind = event.get("type") if isinstance(event, dict) else None
        raise ResponseError(f"this is no event of a watch: type {kind!r}, or no name or resourceVersion in its object")
    return kind, version, annotations


def gather(objects: list[JSONObject], gathered: dict[str, JSONObject]) -> None:
    """Enter objects of initial ADDED events by their key.

    What they repeat, the namespace and values of labels, become the same strings: a twentieth of the memory of 50,000
    config maps. Raises `ResponseError` as `read_event` does.
    """
    shared: dict[str, str] = {}
    share = shared.setdefault
    last = ""  # etcd keeps a namespace together: comparing is faster than hashing
    try:
        for obj in objects:
            metadata = obj["metadata"]
            version = metadata["resourceVersion"]
            name = metadata["name"]
            if not version or not name or not isinstance(version, str):
                raise KeyError("name")
            labels = metadata.get("labels")
            if labels:
                for label, value in labels.items():
                    labels[label] = share(value, value)
            namespace = metadata.get("namespace")
            if namespace:
                if namespace != last:
                    last = share(namespace, namespace)
                metadata["namespace"] = last
                gathered[f"{last}/{name}"] = obj
            else:
                gathered[name] = obj
    except (KeyError, TypeError, AttributeError):
        raise ResponseError("this is no event of a watch: no name or resourceVersion in its object") from None


def list_metadata(answer: Mapping[str, Any], continued: str | None = None) -> Mapping[str, Any]:
    """Return the metadata of a page of a list, asked for with the token `continued`.

    Raises `ResponseError` if this is no list, has no resourceVersion, or leads back to itself.
    """
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    # Null items are how Go writes none; a table, or the object of another path, has no such member.
    if not isinstance(metadata, dict) or not isinstance(answer.get("items", ""), list | None):
        raise ResponseError("this is no list: it has no metadata or its items are no array")
    version = metadata.get("resourceVersion")
    if not isinstance(version, str) or not version:
        raise ResponseError("this list has no resourceVersion and cannot be watched from")
    token = metadata.get("continue")
    if not isinstance(token, str | None) or (token and token == continued):
        raise ResponseError("this page of a list has no token to go on with, but the one that led to it")
    return metadata


def list_objects(answer: Mapping[str, Any]) -> dict[str, JSONObject]:
    """Return the objects of a list by key, each with `apiVersion` and `kind`, which built-in lists leave out.

    Raises `ResponseError` if one of them is no object or has no name.
    """
    items: list[JSONObject] = answer.get("items") or []
    kind = answer.get("kind")
    api_version = answer.get("apiVersion")
    try:
        if api_version and isinstance(kind, str) and kind.endswith("List") and kind != "List":
            item_kind = kind[: -len("List")]
            for item in items:
                if "kind" not in item:
                    item["apiVersion"] = api_version
                    item["kind"] = item_kind
        return {object_key(item): item for item in items}
    except (KeyError, TypeError, AttributeError):
        raise ResponseError("this is no list of objects: an item has no name") from None
