"""What runs in the pods of the embedded server, as far as a test says so: there is no container behind any of them."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Namespace, pod and container; "" as container stands for any.
Place = tuple[str, str, str]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclass(slots=True)
class Log:
    """The log of one container: what was written when, and whether more may come."""

    pieces: list[tuple[datetime.datetime, bytes]] = field(default_factory=list)
    ended: bool = False


class Containers:
    """The containers of one server, scripted: `APIServer.containers`.

    What is said of a pod holds whether it exists yet or not, and for any pod of that name that comes later; `container`
    "" means all of its containers. A running pod of which nothing is said has an empty log.
    """

    def __init__(self, clock: Callable[[], datetime.datetime] = _now) -> None:
        self._clock = clock
        self._logs: dict[tuple[Place, bool], Log] = {}
        #: Notified when a log grows or ends.
        self.changed = threading.Condition()

    def set_log(
        self, namespace: str, pod: str, text: str | bytes, *, container: str = "", previous: bool = False
    ) -> None:
        """Let a container have written `text`, and be done: who follows the log comes to its end.

        `previous` is about the container before its last restart.
        """
        with self.changed:
            self._logs[(namespace, pod, container), previous] = Log([(self._clock(), _bytes(text))], ended=True)
            self.changed.notify_all()

    def append_log(self, namespace: str, pod: str, text: str | bytes, *, container: str = "") -> None:
        """Let a container write `text`, now; who follows the log gets it and waits for more, until `end_log`."""
        with self.changed:
            log = self._logs.setdefault(((namespace, pod, container), False), Log())
            log.pieces.append((self._clock(), _bytes(text)))
            log.ended = False
            self.changed.notify_all()

    def end_log(self, namespace: str, pod: str, *, container: str = "") -> None:
        """Let nothing follow in a log: whoever follows it comes to its end."""
        with self.changed:
            self._logs.setdefault(((namespace, pod, container), False), Log()).ended = True
            self.changed.notify_all()

    def log(self, place: Place, *, previous: bool = False) -> Log | None:
        """Return what was said of a container's log, None if nothing was."""
        namespace, pod, _ = place
        return self._logs.get((place, previous)) or self._logs.get(((namespace, pod, ""), previous))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
