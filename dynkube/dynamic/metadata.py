"""The view in which objects are PartialObjectMetadata: their metadata and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.dynamic.resource import Resource
from dynkube.dynamic.view import items_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject

#: The plain form stays as a last resort: a server that cannot transform sends whole objects, which are cut down here.
_ACCEPT = "application/json;as={kind};g=meta.k8s.io;v=v1,application/json"

_API_VERSION = "meta.k8s.io/v1"


class MetadataResource(Resource):
    """A resource whose answers are PartialObjectMetadata; the verbs are those of `Resource`.

    Lists and watches of big objects cost a fraction. apiVersion and kind of an answer are those of
    PartialObjectMetadata, not the object's: the server leaves those out. Bodies sent are whole objects.
    """

    _accept = _ACCEPT.format(kind="PartialObjectMetadata")
    _accept_list = _ACCEPT.format(kind="PartialObjectMetadataList")

    def metadata(self) -> MetadataResource:
        """Return this view."""
        return self

    def _one(self, answer: JSONObject) -> JSONObject:
        if answer.get("kind") in ("PartialObjectMetadata", "Status"):
            return answer
        return _cut(answer)

    def _many(self, answer: JSONObject) -> JSONObject:
        items = items_of(answer)
        if answer.get("kind") != "PartialObjectMetadataList":
            metadata = answer.get("metadata", {})
            answer = {"apiVersion": _API_VERSION, "kind": "PartialObjectMetadataList", "metadata": metadata}
        answer["items"] = [item if item.get("kind") == "PartialObjectMetadata" else _cut(item) for item in items]
        return answer

    def _event_changer(self) -> Callable[[JSONObject], JSONObject] | None:
        return self._one


def _cut(obj: JSONObject) -> JSONObject:
    return {"apiVersion": _API_VERSION, "kind": "PartialObjectMetadata", "metadata": obj.get("metadata", {})}
