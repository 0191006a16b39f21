"""Prints how often the collector runs while 5,000 events are read: one by one, kept and dropped, and at once."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Any

from dynkube.rest.events import EventStream
from dynkube.transport import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENTS = 5_000


class Arriving(HTTPResponse):
    """An answer whose body comes in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(200)
        self._pieces = pieces

    def chunks(self) -> Iterator[bytes]:
        """Yield the pieces."""
        return iter(self._pieces)


def pieces(events: int) -> list[bytes]:
    """Return ADDED events as they arrive in a burst: in pieces of 64 KiB, cut anywhere."""
    lines = []
    for number in range(events):
        metadata = {"name": f"n{number}", "namespace": "default", "resourceVersion": str(number + 1)}
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "parts": [{"part": "x" * 8}] * 40}
        lines.append(json.dumps({"type": "ADDED", "object": obj}, separators=(",", ":")) + "\n")
    body = "".join(lines).encode()
    return [body[start : start + 65_536] for start in range(0, len(body), 65_536)]


def collections(work: Callable[[], object]) -> int:
    """Return how often the collector runs during `work`."""
    count = 0

    def note(phase: str, info: dict[str, Any]) -> None:
        nonlocal count
        count += phase == "start"

    gc.collect()
    gc.callbacks.append(note)
    try:
        work()
    finally:
        gc.callbacks.remove(note)
    return count


def main() -> None:
    """Count and print."""
    body = pieces(EVENTS)

    def drop() -> None:
        for _ in EventStream(Arriving(body)):
            pass

    counts = {
        "kept": collections(lambda: list(EventStream(Arriving(body)))),
        "dropped": collections(drop),
        "initial state": collections(lambda: list(EventStream(Arriving(body)).added())),
    }
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main()
