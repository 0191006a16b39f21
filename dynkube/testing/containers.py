"""What runs in the pods of the embedded server, as far as a test says so: there is no container behind any of them."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynkube.testing.container_process import PROGRAMS, unknown_program

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from dynkube.testing.container_process import ContainerProcess

    PortHandler = Callable[[socket.socket], object]
    Program = Callable[[ContainerProcess], int | None]

#: Seconds between two looks whether who is attached has gone.
_LOOK = 0.5

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
        self._programs: dict[tuple[Place, str], Program] = {}
        self._ports: dict[tuple[str, str, int], PortHandler] = {}
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

    def set_command(
        self, program: str, function: Program, *, namespace: str = "", pod: str = "", container: str = ""
    ) -> None:
        """Let `function` run for commands whose first word is `program`; "*" is any that nothing else is said of.

        It is called in a thread of its own with a `ContainerProcess` and returns the exit code (None: 0). Without
        `namespace`, `pod` or `container` it holds for all of them. Every container can run cat, echo, false, hostname
        and true anyway.
        """
        self._programs[(namespace, pod, container), program] = function

    def set_main(self, function: Program, *, namespace: str = "", pod: str = "", container: str = "") -> None:
        """Let `function` be what clients attach to; without it, that is what `append_log` writes from then on."""
        self._programs[(namespace, pod, container), ""] = function

    def set_port(self, port: int, function: PortHandler, *, namespace: str = "", pod: str = "") -> None:
        """Let `function` answer connections to a port: it gets a connected socket, in a thread, and closes it.

        Without `namespace` or `pod` it holds for all of them. Nothing listens on a port of which nothing was said.
        """
        self._ports[namespace, pod, port] = function

    def port(self, namespace: str, pod: str, port: int) -> PortHandler | None:
        """Return what answers on a port, None if nothing does."""
        for where in ((namespace, pod), (namespace, ""), ("", pod), ("", "")):
            found = self._ports.get((*where, port))
            if found is not None:
                return found
        return None

    def program(self, place: Place, command: Sequence[str]) -> Program:
        """Return what runs for a command: what is said of the container, or of more than that, or the default."""
        for word in (command[0], "*"):
            found = self._scripted(place, word)
            if found is not None:
                return found
        return PROGRAMS.get(command[0], unknown_program)

    def main(self, place: Place) -> Program:
        """Return what clients attach to."""
        found = self._scripted(place, "")
        if found is not None:
            return found
        # From this moment on, not from when its thread comes to run.
        position = len((self.log(place) or Log()).pieces)
        return lambda process: self._show_log(process, position)

    def knows(self, place: Place) -> bool:
        """Tell whether something was said of exactly this pod, so that it runs whatever its status says."""
        namespace, pod, _ = place
        scripted = (*(key[0] for key in self._logs), *(key[0] for key in self._programs), *self._ports)
        return any(key[:2] == (namespace, pod) for key in scripted)

    def _scripted(self, place: Place, word: str) -> Program | None:
        namespace, pod, container = place
        for each in (place, (namespace, pod, ""), (namespace, "", container), (namespace, "", ""), ("", pod, "")):
            if (each, word) in self._programs:
                return self._programs[each, word]
        return self._programs.get((("", "", container), word)) or self._programs.get((("", "", ""), word))

    def _show_log(self, process: ContainerProcess, position: int) -> None:
        place = (process.namespace, process.pod, process.container)
        while not process.gone.is_set():
            with self.changed:
                log = self.log(place) or Log()
                if len(log.pieces) <= position and not log.ended:
                    self.changed.wait(_LOOK)
                    log = self.log(place) or log
                pieces, ended = log.pieces[position:], log.ended
            for _, data in pieces:
                process.stdout.write(data)
            position += len(pieces)
            if ended and not pieces:
                return

    def log(self, place: Place, *, previous: bool = False) -> Log | None:
        """Return what was said of a container's log, None if nothing was."""
        namespace, pod, _ = place
        return self._logs.get((place, previous)) or self._logs.get(((namespace, pod, ""), previous))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
