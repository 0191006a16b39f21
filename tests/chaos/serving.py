"""A server and those who write to it, in a process of their own: what the other process holds is the client's alone."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from chaos.processes import PLACES, environment
from dynkube.errors import DynkubeError, NotFound, ServiceUnavailable, TransportError
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import DynamicClient, Resource

KINDS = ("configmaps", "secrets", "services")


class Writer:
    """Creates, changes and deletes objects of one kind whenever it is not paused."""

    def __init__(self, client: DynamicClient, kind: str, rng: random.Random) -> None:
        self._resource: Resource = client.resource("v1", kind).namespace("default")
        self._kind = kind
        self._rng = rng
        self._ended = threading.Event()
        self._may_write = threading.Lock()
        self._may_write.acquire()
        self.writes = 0
        self._touched = 0
        self._thread = threading.Thread(target=self._write, name=f"writer-{kind}")
        self._thread.start()

    def resume(self) -> None:
        """Write, from now on."""
        self._may_write.release()

    def pause(self, last: str) -> list[dict[str, Any]]:
        """Stop writing, delete everything and write one last object; return what there is then."""
        self._may_write.acquire()
        for obj in self.list():
            with suppress(NotFound):
                self._surely(partial(self._resource.delete, obj["metadata"]["name"]))
        self._surely(lambda: self._resource.create(self._object(last, 0)))
        return self.list()

    def touch(self) -> list[dict[str, Any]]:
        """Change everything there is, while paused; return it."""
        for obj in self.list():
            self._surely(
                partial(self._resource.patch, obj["metadata"]["name"], {"metadata": {"labels": {"touched": "y"}}})
            )
        return self.list()

    def list(self) -> list[dict[str, Any]]:
        """Return what there is."""
        items: list[dict[str, Any]] = self._surely(self._resource.list)["items"]
        return items

    def stop(self) -> None:
        """Stop writing for good; only while paused."""
        self._ended.set()
        self._may_write.release()
        self._thread.join(30)

    def _write(self) -> None:
        while not self._ended.wait(0.003):
            name = f"o{self._rng.randrange(30)}"
            with self._may_write, suppress(DynkubeError):
                if self._ended.is_set():
                    return
                if self._rng.random() < 0.3:
                    self._resource.delete(name)
                else:
                    self._put(name)
                self.writes += 1

    def _put(self, name: str) -> None:
        try:
            present = self._resource.get(name)
        except NotFound:
            self._resource.create(self._object(name, 0))
        else:
            present["metadata"].setdefault("labels", {})["turn"] = str(self.writes)
            self._resource.update(present)

    def _object(self, name: str, turn: int) -> dict[str, Any]:
        obj: dict[str, Any] = {"metadata": {"name": name, "labels": {"turn": str(turn)}}}
        if self._kind == "services":
            obj["spec"] = {"ports": [{"port": 80}]}
        else:
            few = name in {"o1", "o2", "o3"}  # so long that they are not decoded again
            obj["data"] = {"text": "ZGF0" * (self._rng.randrange(600, 1000) if few else self._rng.randrange(1, 200))}
        return obj

    def _surely(self, call: Callable[[], Any]) -> Any:
        for _ in range(50):
            with suppress(TransportError, ServiceUnavailable):  # the server may just be restarting
                return call()
            self._ended.wait(0.01)
        return call()


class Serving:
    """The process, as the test sees it: each call waits until it has been carried out."""

    def __init__(self, seed: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.serving", str(seed)],
            cwd=PLACES[0],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port: int = self._answer()

    def compact(self) -> None:
        """Have the server forget its history."""
        self._ask("compact")

    def restart(self) -> None:
        """Have the server restart."""
        self._ask("restart")

    def resume(self) -> None:
        """Have the writers write."""
        self._ask("resume")

    def pause(self, last: str) -> dict[str, list[dict[str, Any]]]:
        """Have the writers leave one last object of each kind, and return what there is by kind."""
        listed: dict[str, list[dict[str, Any]]] = self._ask("pause", last)
        return listed

    def touch(self) -> dict[str, list[dict[str, Any]]]:
        """Have the writers, paused, change each object once more, and return what there is by kind."""
        listed: dict[str, list[dict[str, Any]]] = self._ask("touch")
        return listed

    def writes(self) -> int:
        """Return how many writes there were."""
        count: int = self._ask("writes")
        return count

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._process.stdout.close()

    def _ask(self, *words: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server's process has ended"
        return json.loads(line)


def main(seed: int) -> None:
    """Serve until the input ends; carry out a command a line and answer each with a line of JSON."""
    with ExitStack() as stack:
        server = stack.enter_context(APIServer(controllers=False, history=400))
        client = stack.enter_context(server.client(qps=-1.0))
        writers = {kind: Writer(client, kind, random.Random(f"{seed} {kind}")) for kind in KINDS}
        paused = True
        print(server.port, flush=True)  # noqa: T201 - the way back
        for line in sys.stdin:
            command, *arguments = line.split()
            answer: Any = None
            if command == "compact":
                server.compact()
            elif command == "restart":
                server.restart()
            elif command == "resume":
                paused = False
                for writer in writers.values():
                    writer.resume()
            elif command == "pause":
                paused = True
                answer = {kind: writer.pause(arguments[0]) for kind, writer in writers.items()}
            elif command == "touch":
                answer = {kind: writer.touch() for kind, writer in writers.items()}
            elif command == "writes":
                answer = sum(writer.writes for writer in writers.values())
            print(json.dumps(answer), flush=True)  # noqa: T201
        for writer in writers.values():
            if not paused:
                writer.pause("zz-stop")
            writer.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
