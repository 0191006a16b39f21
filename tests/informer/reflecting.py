"""Reflectors that work through a script, and the store they feed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from watch.fakes import FakeClock, Source, bookmark, page, thing

from dynkube.informer.reflector import Reflector

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject
    from dynkube.watch import Backoff

#: The last event of an initial state.
END = [bookmark(5, end=True)]
#: A list of two objects.
LIST = page(thing("a", 1), thing("b", 2), version=5)


class Store:
    """A sink that keeps what it is told, and the states and versions it went through."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.states: list[dict[str, str]] = []
        self.versions: list[str] = []
        self.bug_at = ""

    def replaced(self, objects: dict[str, JSONObject], resource_version: str) -> None:
        """Take over a state."""
        self.objects = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in objects.values()}
        self.states.append(dict(self.objects))
        self.versions.append(resource_version)

    def changed(self, kind: str, obj: JSONObject) -> None:
        """Take over an event."""
        name, version = obj["metadata"]["name"], obj["metadata"]["resourceVersion"]
        if version == self.bug_at:
            raise ZeroDivisionError
        if kind == "DELETED":
            del self.objects[name]
        else:
            self.objects[name] = version
        self.versions.append(version)

    def bookmarked(self, resource_version: str) -> None:
        """Take note of a bookmark."""
        self.versions.append(resource_version)

    def ended(self) -> None:
        """Take note of nothing: these tests stop what they start."""


class Run:
    """A reflector that has worked through its script: the store it fed, the requests it sent, the errors it told.

    With `answer`, which makes the answer to the last request of a source, it has worked for so many `seconds`.
    """

    def __init__(
        self,
        *script: Any,
        on_error: Callable[[Exception], None] | None = None,
        stream: bool = False,
        page_size: int | None = None,
        answer: Callable[[Source], Any] | None = None,
        seconds: float = 3600.0,
        backoff: Callable[[FakeClock], Backoff] | None = None,
        bug_at: str = "",
    ) -> None:
        self.clock = FakeClock()
        self.source = Source(*script, clock=self.clock)
        if answer is not None:
            self.source.then = lambda: answer(self.source)
        self.store = Store()
        self.store.bug_at = bug_at
        self.errors: list[Exception] = []
        over = threading.Event()
        reflector = Reflector(
            self.source,
            self.store,
            name="things",
            stream=stream,
            page_size=page_size,
            idle_timeout=90.0,
            on_error=self.errors.append if on_error is None else on_error,
            backoff=backoff(self.clock) if backoff is not None else None,
            clock=self.clock,
            random=lambda: 0.0,
        )

        def stop() -> None:
            reflector.stop(0)
            over.set()

        self.source.on_end = stop
        if answer is not None:
            self.clock.until(seconds, stop)
        reflector.start()
        assert over.wait(30)
        assert reflector.stop(30)

    @property
    def requests(self) -> list[Any]:
        """The requests but the one that found the script at its end: verb, version, and of lists limit and token."""
        return [_brief(request) for request in self.source.requests[:-1]]

    @property
    def pauses(self) -> list[float]:
        """The waits, in seconds."""
        return [round(pause, 3) for pause in self.clock.pauses]


def _brief(request: dict[str, Any]) -> tuple[Any, ...]:
    version = request["resource_version"]
    if request["verb"] == "list":
        return ("list", version, request["limit"], request["continue_"])
    return ("stream", version) if request["send_initial_events"] else ("watch", version)
