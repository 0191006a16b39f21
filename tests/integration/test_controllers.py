"""What controllers are made of: an operator, elections, events, safe writes."""

from __future__ import annotations

import importlib.util
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.controller import (
    EventRecorder,
    LeaderElector,
    Workers,
    WorkQueue,
    entry,
    retry_on_conflict,
    set_controller,
)
from dynkube.informer import object_key, split_key
from dynkube.watch import deleted, jsonpath
from integration.objects import config_map, widget

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import DynamicClient, Resource

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "greeting_operator.py"


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps")


def example_operator(group: str) -> Any:
    """Return the module of the example, its kind in another group: the real one may be on the cluster."""
    specification = importlib.util.spec_from_file_location("operator_of_the_suite", EXAMPLE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    vars(module).update(GROUP=group, FINALIZER=f"{group}/farewell")
    return module


def test_the_example_operator(
    dyn: DynamicClient, install: Callable[..., dict[str, Any]], config_maps: Resource, namespace: str
) -> None:
    """Greetings get their config map, damage is repaired, a status and an event tell of it, deletion is finished."""
    group = install("greetings", "Greeting")["spec"]["group"]
    # The suite's kind has another schema: what the example's says is not looked at.
    definitions = dyn.resource("crd")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    path = "/spec/versions/0/schema/openAPIV3Schema"
    definitions.patch(
        f"greetings.{group}",
        [
            {"op": "replace", "path": path, "value": schema},
            {"op": "remove", "path": "/spec/versions/0/selectableFields"},
        ],
    )
    example = example_operator(group)
    greetings = dyn.resource(f"{group}/v1", "greetings")
    stop = threading.Event()
    operator = threading.Thread(target=example.Operator(dyn).run, args=(stop,))
    operator.start()
    try:
        greetings.create({"metadata": {"name": "hello"}, "spec": {"text": "Hello"}})
        made = config_maps.wait("hello", jsonpath("{.data.text}", "Hello"), timeout=30)
        assert made is not None
        assert made["metadata"]["ownerReferences"][0]["kind"] == "Greeting"
        said = greetings.wait("hello", jsonpath("{.status.said}", "Hello"), timeout=30)
        config_maps.patch("hello", {"data": {"text": "damaged"}})
        config_maps.wait("hello", jsonpath("{.data.text}", "Hello"), timeout=30)
        assert said is not None
        events = dyn.resource("v1", "events")
        with events.watch(field_selector={"involvedObject.uid": said["metadata"]["uid"]}, timeout=30) as watch:
            assert next(watch)["object"]["reason"] == "Said"
        greetings.delete("hello")
        assert greetings.wait("hello", deleted(), timeout=30) is None
    finally:
        stop.set()
        operator.join(10)
    assert not operator.is_alive()


def test_workers_bring_objects_to_the_wished_state(widgets: Resource) -> None:
    """An informer queues keys, workers reconcile them, a failure is tried again."""
    work: WorkQueue[str] = WorkQueue()
    failed: set[str] = set()
    done: queue.Queue[str] = queue.Queue()
    informer = widgets.informer()
    informer.add_handler(on_add=lambda obj, _: work.add(object_key(obj)))

    def reconcile(key: str) -> None:
        _, name = split_key(key)
        if key not in failed:
            failed.add(key)
            raise ValueError("not this time")
        widgets.subresource("status").patch(name, {"status": {"phase": "Made"}})
        done.put(name)

    with informer, Workers(work, reconcile, count=2):
        for name in ("a", "b", "c"):
            widgets.create(widget(name))
        assert {done.get(timeout=30) for _ in range(3)} == {"a", "b", "c"}
    assert {each["status"]["phase"] for each in widgets.list()["items"]} == {"Made"}


def test_one_of_two_candidates_leads(dyn: DynamicClient) -> None:
    """The second takes over when the first stops, and the lease says who it is."""
    leases = dyn.resource("coordination.k8s.io/v1", "leases")
    leads = {identity: threading.Event() for identity in ("a", "b")}
    electors = {
        identity: LeaderElector(
            leases,
            "lock",
            identity,
            on_started_leading=lambda _, identity=identity: leads[identity].set(),  # type: ignore[misc]
            lease_duration=5.0,
            renew_deadline=4.0,
            retry_period=0.2,
        )
        for identity in ("a", "b")
    }
    threads = {identity: threading.Thread(target=elector.run) for identity, elector in electors.items()}
    try:
        threads["a"].start()
        assert leads["a"].wait(30)
        threads["b"].start()
        leases.wait("lock", jsonpath(".spec.holderIdentity", "a"), timeout=30)
        assert not leads["b"].is_set()
        electors["a"].stop()
        assert leads["b"].wait(30)
        lease = leases.get("lock")["spec"]
        assert (lease["holderIdentity"], lease["leaseTransitions"]) == ("b", 1)
    finally:
        for identity, thread in threads.items():
            electors[identity].stop()
            if thread.ident is not None:
                thread.join(10)


def test_events_tell_what_happened_to_an_object(dyn: DynamicClient, config_maps: Resource) -> None:
    """They are written once and counted when they repeat; a search finds them."""
    obj = config_maps.create(config_map("a"))
    with EventRecorder(dyn.resource("v1", "events"), "suite", host="here") as recorder:
        for _ in range(3):
            assert recorder.event(obj, "Warning", "Odd", "something is odd")
        assert recorder.close(30)
    (event,) = dyn.events().search(obj)
    assert (event["count"], event["type"], event["source"]["component"]) == (3, "Warning", "suite")


def test_a_write_is_tried_again_on_a_conflict(config_maps: Resource) -> None:
    """Threads that count in one object lose no count."""
    config_maps.create(config_map("counter", {"n": "0"}))

    def count() -> None:
        def once() -> None:
            obj = config_maps.get("counter")
            obj["data"]["n"] = str(int(obj["data"]["n"]) + 1)
            config_maps.update(obj)

        retry_on_conflict(once, attempts=100)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert config_maps.get("counter")["data"] == {"n": "8"}


def test_an_entry_is_made_or_changed(config_maps: Resource, widgets: Resource, namespace: str) -> None:
    """The first commit inserts, the second modifies; the owner is its controller."""
    owner = widgets.create(widget("owner"))
    wanted = config_map("owned", {"n": "1"}, namespace=namespace)
    set_controller(wanted, owner)
    for expected in ("1", "2"):
        entry(config_maps, "owned").and_modify(lambda obj: obj.update(data={"n": "2"})).or_insert(
            lambda: wanted
        ).commit()
        stored = config_maps.get("owned")
        assert stored["data"] == {"n": expected}
    assert stored["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
