"""One informer for everyone who wants the same objects."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError
from dynkube.informer.shared import SharedInformer
from dynkube.selectors import FieldSelector, LabelSelector
from dynkube.selectors import field_selector as checked_fields
from dynkube.selectors import label_selector as checked_labels
from dynkube.watch.clock import SYSTEM_CLOCK, countdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.names import GroupVersionResource
    from dynkube.watch.clock import Clock
    from dynkube.watch.protocol import ListerWatcher


@dataclass(frozen=True, slots=True)
class Selection:
    """What one informer is about; equal selections share one. None: all namespaces, no selector."""

    resource: GroupVersionResource
    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    metadata_only: bool = False


class InformerFactory:
    """Makes informers, at most one for a selection, and starts, awaits and stops them together.

    `source` makes the `ListerWatcher` of a selection (`DynamicClient` brings one). The other options are those of
    `SharedInformer` and hold for every informer made. `namespace` is the default of `informer`.
    """

    def __init__(
        self, source: Callable[[Selection], ListerWatcher], *, namespace: str | None = None, **options: Any
    ) -> None:
        self._source = source
        self._namespace = namespace
        self._options = options
        self._clock: Clock = options.get("clock", SYSTEM_CLOCK)
        self._lock = threading.Lock()
        self._informers: dict[Selection, SharedInformer] = {}
        self._started: set[Selection] = set()
        self._stopped = False

    def informer(
        self,
        resource: GroupVersionResource,
        *,
        namespace: str | None = None,
        label_selector: str | Mapping[str, Any] | LabelSelector | None = None,
        field_selector: str | Mapping[str, Any] | FieldSelector | None = None,
        metadata_only: bool = False,
    ) -> SharedInformer:
        """Return the informer of a selection, made if need be; it runs after the next `start`.

        One that somebody has stopped is replaced by a new one: it cannot be started again. `metadata_only`: the objects
        have their metadata and nothing else. Raises `InvalidSelectorError` for a wrong selector.
        """
        selection = Selection(
            resource,
            namespace or self._namespace,
            # However it was written: what selects the same is the same selection.
            str(LabelSelector.parse(checked_labels(label_selector) or "")) or None,
            str(FieldSelector.parse(checked_fields(field_selector) or "")) or None,
            metadata_only,
        )
        with self._lock:
            informer = self._informers.get(selection)
            if informer is None or (informer.stopped and not self._stopped):
                if self._stopped:
                    raise InvalidRequestError("the factory was shut down and makes no more informers")
                name = str(resource.group_resource)
                informer = SharedInformer(self._source(selection), name=name, **self._options)
                self._informers[selection] = informer
                self._started.discard(selection)
            return informer

    def start(self) -> None:
        """Start the informers that are not running yet; call it again after asking for more."""
        with self._lock:
            if self._stopped:
                raise InvalidRequestError("the factory was shut down and starts no more informers")
            for selection, informer in self._informers.items():
                if selection not in self._started and not informer.stopped:
                    informer.start()
                    self._started.add(selection)
            if self._stopped:  # meanwhile: who shut it down may not have seen all of them
                for informer in self._informers.values():
                    informer.stop(0.0)

    def wait_for_sync(self, timeout: float | None = None) -> dict[Selection, bool]:
        """Wait for the started informers, at most `timeout` seconds for all together; return which are synced.

        None: as long as it takes. One that was stopped is not waited for, and not synced.
        """
        with self._lock:
            started = {selection: self._informers[selection] for selection in self._started}
        left = countdown(timeout, self._clock)
        synced = {}
        for selection, informer in started.items():
            synced[selection] = informer.wait_for_sync(left())
        return synced

    def shutdown(self, timeout: float | None = 1.0) -> bool:
        """Stop every informer, for good; return whether all threads have ended within `timeout` seconds."""
        # No lock: a signal handler may come in the middle of what holds it.
        self._stopped = True
        informers = list(self._informers.values())
        left = countdown(timeout)  # threads end in real time
        for informer in informers:
            informer.stop(0.0)
        return all(tuple(informer.stop(left()) for informer in informers))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()
