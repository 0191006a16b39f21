"""Tests of transforms that do unusual things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import MemoryServer, expired

from dynkube.informer import SharedInformer
from dynkube.watch import Backoff
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def server() -> MemoryServer:
    """Return an empty server."""
    return MemoryServer()


class _Values:
    """Writes down (kind, old value, new value) of objects that need not have a version."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.calls: list[tuple[str, Any, Any]] = []

    def add(self, obj: dict[str, Any], is_initial: bool) -> None:
        self._note("add", None, obj.get("n"))

    def update(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._note("update", old.get("n"), new.get("n"))

    def delete(self, obj: dict[str, Any], is_missed: bool) -> None:
        self._note("delete", obj.get("n"), None)

    def _note(self, kind: str, old: Any, new: Any) -> None:
        with self.recorder.changed:
            self.calls.append((kind, old, new))
            self.recorder.changed.notify_all()

    def wait(self, count: int) -> list[tuple[str, Any, Any]]:
        self.recorder.wait(lambda: len(self.calls) >= count)
        return self.calls

    @property
    def functions(self) -> dict[str, Any]:
        return {"on_add": self.add, "on_update": self.update, "on_delete": self.delete}


def _without(*fields: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def drop(obj: dict[str, Any]) -> dict[str, Any]:
        for field in fields:
            obj["metadata"].pop(field, None)
        return obj

    return drop


@pytest.mark.parametrize("fields", [("resourceVersion",), ("resourceVersion", "uid")])
def test_updates_are_told_without_a_version(server: MemoryServer, fields: tuple[str, ...]) -> None:
    """What a transform takes away cannot make two states of an object the same."""
    server.apply("a", n=1)
    values = _Values()
    with SharedInformer(server, transform=_without(*fields)) as informer:
        informer.add_handler(**values.functions)
        server.apply("a", n=2)
        server.apply("a", n=3)
        server.delete("a")
        assert values.wait(4)[-3:] == [("update", 1, 2), ("update", 2, 3), ("delete", 3, None)]
        assert informer.resource_version == str(server.version)


def test_a_relist_is_told_without_a_version(server: MemoryServer) -> None:
    """Where versions were taken away, a state taken anew is told as an update of every object."""
    server.apply("a", n=1)
    values = _Values()
    backoff = Backoff(initial=0.001, limit=0.001)
    with SharedInformer(server, transform=_without("resourceVersion"), backoff=backoff) as informer:
        informer.add_handler(**values.functions)
        values.wait(1)
        server.wait_for(lambda: len(server.streams) == 1)
        with server.changed:
            server.apply("a", n=2)
            server.compact()
            for stream in list(server.streams):
                stream.fail(expired())
        assert values.wait(2)[1] == ("update", 1, 2)


@pytest.mark.parametrize("result", [None, {}, {"metadata": {}}, "text"], ids=repr)
def test_what_is_no_object_counts_as_a_failure(
    server: MemoryServer, caplog: pytest.LogCaptureFixture, result: Any
) -> None:
    """A transform that forgets to return, or returns something else, loses that event only."""
    server.apply("good", n=1)

    def transform(obj: dict[str, Any]) -> Any:
        return result if obj.get("bad") else obj

    recorder = Recorder()
    with SharedInformer(server, transform=transform) as informer:
        informer.add_handler(**recorder.functions)
        server.apply("bad", bad=True)
        server.apply("good", n=2)
        recorder.wait_last("update", "good")
        assert informer.indexer.keys() == ["ns/good"]
    assert "transform" in caplog.text


def test_no_exception_of_a_transform_stops_the_informer(server: MemoryServer) -> None:
    """A transform that calls `sys.exit` loses its event like any other failure."""

    def transform(obj: dict[str, Any]) -> dict[str, Any]:
        if obj.get("bad"):
            raise SystemExit
        return obj

    recorder = Recorder()
    with SharedInformer(server, transform=transform) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        server.apply("bad", bad=True)
        server.apply("good")
        assert [call[1] for call in recorder.wait_calls(1)] == ["good"]


def test_a_transform_may_give_back_the_very_object(server: MemoryServer) -> None:
    """One that changes what it gets in place is as good as one that makes a new object."""
    seen: list[int] = []

    def transform(obj: dict[str, Any]) -> dict[str, Any]:
        seen.append(id(obj))
        obj["mark"] = True
        return obj

    recorder = Recorder()
    with SharedInformer(server, transform=transform) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        server.apply("a")
        recorder.wait_calls(1)
        assert id(recorder.objects[0]) in seen
        assert informer.indexer.get("ns/a") is recorder.objects[0]
        assert recorder.objects[0]["mark"]


def test_resyncs_transform_nothing(server: MemoryServer) -> None:
    """An object goes through the transform once a version, not once a telling."""
    calls: list[str] = []

    def transform(obj: dict[str, Any]) -> dict[str, Any]:
        calls.append(obj["metadata"]["resourceVersion"])
        return obj

    server.apply("a")
    recorder = Recorder()
    with SharedInformer(server, transform=transform) as informer:
        assert informer.wait_for_sync(30)
        informer.add_handler(**recorder.functions, resync_period=0.001)
        recorder.wait_calls(4)
    assert calls == ["2"]
