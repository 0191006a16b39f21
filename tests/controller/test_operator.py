"""The example operator, run against the embedded server; and elections and recorders over real requests."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.controller import EventRecorder, LeaderElector
from dynkube.errors import AlreadyExists
from dynkube.testing import APIServer
from dynkube.watch import all_of, condition, created, deleted, jsonpath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "greeting_operator.py"


@pytest.fixture
def dyn() -> Iterator[DynamicClient]:
    """Return a client of an embedded server."""
    with APIServer(controller_delay=0.0) as server, server.client() as client:
        yield client


def _example() -> Any:
    specification = importlib.util.spec_from_file_location("operator_example", EXAMPLE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_is_short() -> None:
    """The example shows that an operator needs under 100 lines."""
    assert len(EXAMPLE.read_text().splitlines()) < 100


def test_reconciles_a_custom_resource(dyn: DynamicClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Greetings get their config map, changes and damage are repaired, deletion says farewell, and it stops."""
    example = _example()
    dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions").create(example.CRD)
    dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions").wait(
        example.CRD["metadata"]["name"], condition("Established"), timeout=30
    )
    greetings = dyn.resource(f"{example.GROUP}/v1", "greetings").namespace("default")
    config_maps = dyn.resource("v1", "configmaps").namespace("default")
    before = set(threading.enumerate())
    stop = threading.Event()
    operator = example.Operator(dyn)
    thread = threading.Thread(target=operator.run, args=(stop,))
    thread.start()
    try:
        body = {"apiVersion": f"{example.GROUP}/v1", "kind": "Greeting", "metadata": {"name": "hello"}}
        greetings.create({**body, "spec": {"text": "Hello"}})
        config_map = config_maps.wait("hello", jsonpath("{.data.text}", "Hello"), timeout=30)
        assert config_map is not None
        assert config_map["metadata"]["ownerReferences"][0]["kind"] == "Greeting"
        greetings.wait("hello", jsonpath("{.status.said}", "Hello"), timeout=30)
        greetings.patch("hello", {"spec": {"text": "Good evening"}}, type="merge")
        config_maps.wait("hello", jsonpath("{.data.text}", "Good evening"), timeout=30)
        config_maps.patch("hello", {"data": {"text": "damaged"}}, type="merge")
        config_maps.wait("hello", jsonpath("{.data.text}", "Good evening"), timeout=30)
        config_maps.delete("hello")
        config_maps.wait("hello", all_of(created(), jsonpath("{.data.text}", "Good evening")), timeout=30)
        events = dyn.resource("v1", "events").namespace("default")
        said = [event for event in events.list()["items"] if event["reason"] == "Said"]
        assert said
        assert said[0]["involvedObject"]["name"] == "hello"
        greetings.delete("hello")
        greetings.wait("hello", deleted(), timeout=30)
        assert "Farewell from default/hello" in capsys.readouterr().out
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    ours = ("dynkube-reflector", "dynkube-handler", "dynkube-worker", "dynkube-events", "dynkube-alarm")
    assert not [left.name for left in set(threading.enumerate()) - before if left.name.startswith(ours)]


def test_serves_every_namespace(dyn: DynamicClient) -> None:
    """A greeting gets its config map wherever it is, not only in the namespace of the operator's own context."""
    example = _example()
    dyn.crds().install(example.CRD, field_manager="tester")
    dyn.resource("v1", "namespaces").create({"metadata": {"name": "elsewhere"}})
    stop = threading.Event()
    thread = threading.Thread(target=example.Operator(dyn).run, args=(stop,))
    thread.start()
    try:
        greetings = dyn.resource(f"{example.GROUP}/v1", "greetings").namespace("elsewhere")
        greetings.create({"metadata": {"name": "hello"}, "spec": {"text": "Hello"}})
        config_maps = dyn.resource("v1", "configmaps").namespace("elsewhere")
        assert config_maps.wait("hello", jsonpath("{.data.text}", "Hello"), timeout=10) is not None
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_stops_while_the_server_answers_nothing() -> None:
    """The operator ends when told although its caches were never filled."""
    example = _example()
    with APIServer(controller_delay=0.0) as server, server.client() as dyn:
        definitions = dyn.resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
        definitions.create(example.CRD)
        definitions.wait(example.CRD["metadata"]["name"], condition("Established"), timeout=30)
        fault = server.inject("silence", method="GET", path="*/greetings*")
        stop = threading.Event()
        thread = threading.Thread(target=example.Operator(dyn).run, args=(stop,))
        thread.start()
        while not fault.hits:
            assert thread.is_alive()
            thread.join(0.01)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_two_candidates_over_real_requests(dyn: DynamicClient) -> None:
    """One leads; when it is stopped the other does at once."""
    leases = dyn.resource("coordination.k8s.io/v1", "leases").namespace("default")
    leads = {"a": threading.Event(), "b": threading.Event()}
    electors: dict[str, LeaderElector] = {}
    threads: list[threading.Thread] = []
    for identity in ("a", "b"):
        electors[identity] = LeaderElector(
            leases,
            "lock",
            identity,
            on_started_leading=lambda _, identity=identity: leads[identity].set(),  # type: ignore[misc]
            lease_duration=3.0,
            renew_deadline=2.0,
            retry_period=0.1,
        )
    for identity in ("a", "b"):
        threads.append(threading.Thread(target=electors[identity].run))
        threads[-1].start()
        if identity == "a":
            assert leads["a"].wait(30)
    assert not leads["b"].is_set()
    electors["a"].stop()
    assert leads["b"].wait(30)
    assert electors["b"].leader == "b"
    electors["b"].stop()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert leases.get("lock")["spec"]["holderIdentity"] == ""
    assert leases.get("lock")["spec"]["leaseTransitions"] == 1


def test_events_are_counted_on_the_server(dyn: DynamicClient) -> None:
    """The recorder's events are accepted by the server and patched when they repeat."""
    config_maps = dyn.resource("v1", "configmaps").namespace("default")
    obj = config_maps.create({"metadata": {"name": "a"}})
    with EventRecorder(dyn.resource("v1", "events"), "tester", host="here") as recorder:
        for _ in range(3):
            assert recorder.event(obj, "Warning", "Odd", "something is odd")
        assert recorder.close(30)
    (event,) = dyn.resource("v1", "events").namespace("default").list()["items"]
    assert (event["count"], event["type"], event["involvedObject"]["uid"]) == (3, "Warning", obj["metadata"]["uid"])
    with pytest.raises(AlreadyExists):
        config_maps.create({"metadata": {"name": "a"}})


def test_events_of_what_has_no_namespace_are_accepted(dyn: DynamicClient) -> None:
    """Those about cluster-scoped objects are written to `default`, long messages whole."""
    node = dyn.resource("v1", "nodes").create({"metadata": {"name": "n1"}})
    with EventRecorder(dyn.resource("v1", "events"), "tester", host="here") as recorder:
        recorder.event(node, "Normal", "Long", "x" * 5000, field_path="status.conditions")
        assert recorder.close(30)
    (event,) = dyn.resource("v1", "events").namespace("default").list()["items"]
    assert (len(event["message"]), event["involvedObject"]["fieldPath"]) == (5000, "status.conditions")
    assert "namespace" not in event["involvedObject"]


def test_events_for_a_namespace_that_goes_are_dropped(dyn: DynamicClient, caplog: pytest.LogCaptureFixture) -> None:
    """The server refuses them, and nobody is warned."""
    namespaces = dyn.resource("v1", "namespaces")
    namespaces.create({"metadata": {"name": "going"}})
    config_maps = dyn.resource("v1", "configmaps").namespace("going")
    obj = config_maps.create({"metadata": {"name": "a", "finalizers": ["example.org/stay"]}})
    namespaces.delete("going")
    with EventRecorder(dyn.resource("v1", "events"), "tester", host="here") as recorder:
        recorder.event(obj, "Warning", "Odd", "too late")
        assert recorder.close(30)
    assert dyn.resource("v1", "events").namespace("going").list()["items"] == []
    assert "refused" not in caplog.text
    config_maps.patch("a", {"metadata": {"finalizers": None}})
    namespaces.wait("going", deleted(), timeout=30)
