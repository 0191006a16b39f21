"""A watch on what decides which APIs a server serves: definitions and APIServices."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from dynkube.dynamic.crds import CRDS
from dynkube.dynamic.surface import SETTLING
from dynkube.informer.reflector import Reflector
from dynkube.names import GroupVersionResource
from dynkube.watch.clock import SYSTEM_CLOCK
from dynkube.watch.protocol import IDLE_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.dynamic.client import DynamicClient
    from dynkube.mapping import RESTMapper
    from dynkube.objects import JSONObject

#: The resource that says which server serves which group version.
API_SERVICES = GroupVersionResource("apiregistration.k8s.io", "v1", "apiservices")


class SurfaceWatch:
    """Has a client's mapper ask the server anew whenever a definition or an APIService changes.

    Only metadata is watched, and none of it is kept. A change costs nothing until the next lookup, which asks discovery
    (two requests, answered 304 if it was none). As the server needs a moment from the change to serving it, what is
    found within five seconds of one is remembered for a second only.
    """

    def __init__(self, client: DynamicClient, *, on_error: Callable[[Exception], None] | None = None) -> None:
        self._signals: list[_Signal] = []
        self._reflectors: list[Reflector] = []
        self._closed = False
        for resource in (CRDS, API_SERVICES):
            signal = _Signal(client.mapper)
            reflector = Reflector(
                client.resource(resource).metadata().lister_watcher(),
                signal,
                name=str(resource.group_resource),
                stream=False,
                page_size=None,
                idle_timeout=IDLE_TIMEOUT,
                on_error=on_error,
                backoff=None,
                clock=SYSTEM_CLOCK,
                random=random.random,
            )
            self._signals.append(signal)
            self._reflectors.append(reflector)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def start(self) -> None:
        """Begin watching; `DynamicClient.keep_fresh` has called this."""
        for reflector in self._reflectors:
            reflector.start()

    def wait_for_sync(self, timeout: float | None = None) -> bool:
        """Block until both watches are under way, at most `timeout` seconds each; return whether they are.

        From then on no change goes unseen. False at once if it was closed.
        """
        return all(signal.wait(timeout) for signal in self._signals) and not self._closed

    def close(self, timeout: float | None = 1.0) -> bool:
        """End both watches, from any thread; may be called again.

        Returns whether both threads have ended within `timeout` seconds each.
        """
        self._closed = True
        for signal in self._signals:
            signal.release()
        return all([reflector.stop(timeout) for reflector in self._reflectors])  # noqa: C419 - stop each of them

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Signal:
    """Takes what a watch brings for nothing but a sign that something changed."""

    def __init__(self, mapper: RESTMapper) -> None:
        self._mapper = mapper
        self._begun = threading.Event()

    def wait(self, timeout: float | None) -> bool:
        return self._begun.wait(timeout)

    def release(self) -> None:
        """Let nobody wait any longer."""
        self._begun.set()

    def replaced(self, objects: dict[str, JSONObject], resource_version: str) -> None:  # noqa: ARG002 - a Sink's
        """Take over a complete state: at the start, and whenever events were missed."""
        self._mapper.invalidate(settling=SETTLING)
        self._begun.set()

    def changed(self, kind: str, obj: JSONObject) -> None:  # noqa: ARG002
        """Take over one event."""
        self._mapper.invalidate(settling=SETTLING)

    def bookmarked(self, resource_version: str) -> None:
        """Take note of nothing."""

    def ended(self) -> None:
        """Let nobody wait for a watch that was closed with its client."""
        self.release()
