"""One resource and its verbs: what `dyn.resource(...)` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.dynamic.live import Live
from dynkube.dynamic.reading import Reading
from dynkube.dynamic.writing import Writing
from dynkube.rest.paths import quote_segment

if TYPE_CHECKING:
    from dynkube.dynamic.metadata import MetadataResource
    from dynkube.dynamic.rollouts import Rollout
    from dynkube.dynamic.subresource import Subresource
    from dynkube.dynamic.table import TableView


class Resource(Reading, Writing, Live):
    """A resource of a cluster in one scope: a namespace, all namespaces, or the cluster.

    Views are cheap and never change: `namespace()` and `all_namespaces()` return new ones. Without either, a
    namespaced resource is met in the context's namespace, as kubectl does. Objects go in and come out as plain dicts.
    Safe to share between threads.

    Common to the verbs: `timeout` is the read timeout in seconds, a (connect, read) pair, or None for no limit; left
    out, the configuration's applies. Refusals of the server raise a StatusError, calls that cannot be right an
    InvalidRequestError before anything is sent, and a connection that fails a TransportError.
    """

    def subresource(self, name: str) -> Subresource:
        """Return the verbs on a subresource of each object: "status", "scale", "eviction", "binding", "token"."""
        from dynkube.dynamic.subresource import Subresource

        for part in name.split("/"):
            quote_segment(part, "subresource")
        return Subresource(self, name)

    def table(self, *, include_object: str = "Metadata") -> TableView:
        """Return the view in which the server prints: rows and columns as kubectl shows them."""
        from dynkube.dynamic.table import PrintedResource, TableView

        printed = PrintedResource(
            self._binding, namespace=self._namespace, everywhere=self._everywhere, cancellation=self._cancellation
        )
        return TableView(printed.including(include_object))

    def metadata(self) -> MetadataResource:
        """Return the view in which objects are PartialObjectMetadata: names, labels, owners; no spec, no status."""
        from dynkube.dynamic.metadata import MetadataResource

        return MetadataResource(
            self._binding, namespace=self._namespace, everywhere=self._everywhere, cancellation=self._cancellation
        )

    def rollout(self, name: str) -> Rollout:
        """Return what can be done about the rollouts of a Deployment, StatefulSet or DaemonSet called `name`.

        `restart`, `wait`, `history`, `undo`, `pause` and `resume`; see `dynkube.dynamic.rollouts.Rollout`. Raises
        InvalidRequestError for other resources.
        """
        from dynkube.dynamic.rollouts import Rollout

        return Rollout(self, name)
