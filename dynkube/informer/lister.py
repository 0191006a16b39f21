"""Looking objects up in an informer's store as one would on the server, without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.errors import status_error
from dynkube.informer.indexer import NAMESPACE_INDEX
from dynkube.selectors import LabelSelector
from dynkube.selectors import label_selector as checked_selector

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from dynkube.informer.indexer import Indexer
    from dynkube.objects import JSONObject


class Lister:
    """Reads a store. The objects are shared: copy one before changing it."""

    def __init__(self, indexer: Indexer, name: str = "objects", namespace: str | None = None) -> None:
        self._indexer = indexer
        self._name = name
        self._namespace = namespace

    def namespace(self, namespace: str) -> Lister:
        """Return a lister of one namespace; "" for all."""
        return Lister(self._indexer, self._name, namespace or None)

    def get(self, name: str) -> JSONObject:
        """Return the object of this name (in the lister's namespace). Raises `NotFound` if the store has none."""
        obj = self.get_or_none(name)
        if obj is None:
            resource, _, group = self._name.partition(".")
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "message": f'{self._name} "{name}" not found',
                "details": {"name": name, "group": group, "kind": resource},
                "code": 404,
            }
            raise status_error(status, method="", url="", code=404)
        return obj

    def get_or_none(self, name: str) -> JSONObject | None:
        """Return the object of this name (in the lister's namespace), or None."""
        return self._indexer.get(f"{self._namespace}/{name}" if self._namespace else name)

    def list(self, label_selector: str | Mapping[str, Any] | LabelSelector | None = None) -> list[JSONObject]:
        """Return the objects (of the lister's namespace) whose labels match; all without a selector.

        Raises `InvalidSelectorError` for a selector that cannot be parsed.
        """
        text = checked_selector(label_selector)
        if self._namespace is None:
            objects = self._indexer.values()
        elif NAMESPACE_INDEX in self._indexer.indexers:
            objects = self._indexer.by_index(NAMESPACE_INDEX, self._namespace)
        else:  # a store somebody made by hand
            objects = [obj for obj in self._indexer.values() if obj["metadata"].get("namespace") == self._namespace]
        if not text:
            return objects
        matches = LabelSelector.parse(text).matches
        return [obj for obj in objects if matches(obj["metadata"].get("labels") or {})]
