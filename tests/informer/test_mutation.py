"""Tests of finding those who change what is shared."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import ManualClock, MemoryServer, thing

from dynkube.informer import MutationDetector, SharedInformer, only_metadata
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_threads_left")


def test_a_handler_that_changes_an_object_is_found() -> None:
    """The check names the object and the place."""
    server = MemoryServer()
    server.apply("good", spec={})
    server.apply("bad", spec={"list": [{"n": 1}]})
    recorder = Recorder()

    def on_add(obj: dict[str, Any], is_initial: bool) -> None:
        if obj["metadata"]["name"] == "bad":
            obj["spec"]["list"][0]["n"] = 2
        recorder.on_add(obj, is_initial)

    detector = MutationDetector()
    with SharedInformer(server, transform=detector) as informer:
        informer.add_handler(on_add=on_add)
        recorder.wait_calls(2)
    with pytest.raises(AssertionError, match=r"(?s)copy them first:\n  ns/bad: \.spec\.list\[0\]\.n$"):
        detector.check()


def test_whoever_copies_first_may_change() -> None:
    """A handler that changes copies, and reading, is no finding; neither is what the informer shares itself."""
    server = MemoryServer()
    clock = ManualClock()
    recorder = Recorder()

    def on_update(old: dict[str, Any], new: dict[str, Any]) -> None:
        copy.deepcopy(new)["spec"]["n"] = 0
        recorder.on_update(old, new)

    detector = MutationDetector()
    with SharedInformer(server, transform=detector, clock=clock) as informer:
        informer.add_handler(on_add=recorder.on_add, on_update=on_update, on_delete=recorder.on_delete)
        for turn in range(3):
            clock.advance(1.0)
            server.apply("a", spec={"n": 1}, status={"turn": turn})
            recorder.wait_calls(turn + 1)
        assert recorder.objects[1]["spec"] is recorder.objects[0]["spec"]
        assert informer.lister.list("!x") == informer.indexer.values()
        server.delete("a")
        recorder.wait_calls(4)
    detector.check()


def test_goes_round_a_transform() -> None:
    """What another transform does to an object is no finding: it comes before."""
    detector = MutationDetector(only_metadata)
    obj = detector(thing("a", spec={}))
    assert "spec" not in obj
    detector.check()
    obj["spec"] = {}
    with pytest.raises(AssertionError, match=r"ns/a: \.spec$"):
        detector.check()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda obj: obj["spec"].pop("n"), ".spec.n"),
        (lambda obj: obj["spec"].update(n=1.0), ".spec.n"),
        (lambda obj: obj["spec"].update(n=True), ".spec.n"),
        (lambda obj: obj["spec"].update(new=None), ".spec.new"),
        (lambda obj: obj["spec"]["list"].append(3), ".spec.list"),
        (lambda obj: obj["spec"]["list"].reverse(), ".spec.list[0]"),
        (lambda obj: obj["metadata"].update(name="b"), ".metadata.name"),
        (lambda obj: obj.update(spec=[]), ".spec"),
        (dict.clear, ".apiVersion"),
    ],
)
def test_every_change_is_found(change: Callable[[dict[str, Any]], object], place: str) -> None:
    """Keys and items that came, went, changed their value, order or only their type."""
    detector = MutationDetector()
    obj = detector(thing("a", spec={"n": 1, "list": [1, 2]}))
    change(obj)
    with pytest.raises(AssertionError) as raised:
        detector.check()
    assert f"ns/a: {place}" in str(raised.value).splitlines()[1]


def test_values_are_not_shown() -> None:
    """What was changed may be a secret."""
    detector = MutationDetector()
    obj = detector(thing("a", data={"password": "before"}))
    obj["data"]["password"] = "after"
    with pytest.raises(AssertionError) as raised:
        detector.check()
    assert "before" not in str(raised.value)
    assert "after" not in str(raised.value)


def test_what_versions_share_is_named_once() -> None:
    """A change of a part that two states of an object have in common is one finding."""
    detector = MutationDetector()
    first, second = detector(thing("a", 1, spec={"n": 1})), detector(thing("a", 2, spec={"n": 1}))
    second["spec"] = first["spec"]
    first["spec"]["n"] = 2
    with pytest.raises(AssertionError) as raised:
        detector.check()
    assert len(str(raised.value).splitlines()) == 2
