"""The simulation as a part of the server: starting, stopping, restoring, staying out of the way."""

from __future__ import annotations

import datetime
import threading
import time

import pytest

from dynkube.testing import APIServer, Simulation
from dynkube.testing.simulation.cron import Schedule
from dynkube.testing.simulation.numbers import name_hash, scaled
from testing.simulation.living import Place, template, workload


def simulating() -> list[str]:
    """Return the names of the simulation's threads that live."""
    return [thread.name for thread in threading.enumerate() if thread.name == "dynkube-simulation"]


def test_it_stops_within_a_second_and_leaves_no_thread() -> None:
    """Stopping in the middle of a rollout waits for nothing."""
    before = len(simulating())
    with APIServer(simulate=Simulation(delay=60)) as server, server.client() as dyn:
        place = Place.fresh(server, dyn)
        place.create(workload("Deployment", replicas=20))
        place.until(lambda: len(place.items("pods")) == 20)
        assert len(simulating()) == before + 1
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1
    assert len(simulating()) == before


def test_without_it_nothing_moves() -> None:
    """A server that does not simulate has no nodes and no thread for it."""
    before = len(simulating())
    with APIServer() as server, server.client() as dyn:
        assert dyn.resource("v1", "nodes").list()["items"] == []
        assert len(simulating()) == before


def test_it_sends_no_requests() -> None:
    """The recorded requests are the test's own."""
    with APIServer(simulate=Simulation(delay=0.01)) as server, server.client() as dyn:
        place = Place.fresh(server, dyn)
        place.create(workload("ReplicaSet", replicas=1))
        place.until(place.ready)
        assert {request.method for request in server.requests} == {"GET", "POST"}
        assert sum(request.method == "POST" for request in server.requests) == 2


def test_a_quiet_cluster_is_quiet() -> None:
    """When everything is as asked for, looking at everything anew writes nothing."""
    with APIServer(simulate=Simulation(delay=0, nodes=2)) as server, server.client() as dyn:
        place = Place.fresh(server, dyn)
        place.create(workload("Deployment", replicas=2))
        service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
        place.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service})
        other_pod = template()
        other_pod["metadata"]["labels"] = {"app": "each"}
        selector = {"matchLabels": {"app": "each"}}
        place.create(workload("DaemonSet", "each", pod=other_pod, selector=selector))
        place.status("deployments", "web", readyReplicas=2, availableReplicas=2, updatedReplicas=2)
        place.status("daemonsets", "each", numberAvailable=2, updatedNumberScheduled=2)

        def versions() -> dict[str, str]:
            kinds = ("deployments", "replicasets", "daemonsets", "pods", "endpoints", "endpointslices", "events")
            found = [(kind, one["metadata"]) for kind in kinds for one in place.items(kind)]
            return {f"{kind}/{metadata['name']}": metadata["resourceVersion"] for kind, metadata in found}

        def looked_at_everything() -> None:
            # A restore makes it look at everything; what is asked for after that is done after that.
            server.restore(server.snapshot())
            other = Place.fresh(server, dyn)
            other.until(lambda: other.of("serviceaccounts").exists("default"))

        looked_at_everything()
        before = versions()
        looked_at_everything()
        assert versions() == before


def test_a_restored_cluster_lives_on() -> None:
    """After a restore the simulation goes on from what it finds."""
    with APIServer(simulate=Simulation(delay=0.01)) as server, server.client() as dyn:
        place = Place.fresh(server, dyn)
        place.until(lambda: place.of("serviceaccounts").exists("default"))
        empty = server.snapshot()
        place.create(workload("ReplicaSet", replicas=1))
        place.until(place.ready)
        server.restore(empty)
        assert place.items("pods") == []
        place.create(workload("ReplicaSet", replicas=2))
        place.until(lambda: len(place.ready()) == 2)


@pytest.mark.parametrize(
    ("value", "up", "count"), [(3, True, 3), ("25%", True, 3), ("25%", False, 2), ("100%", False, 10), (None, True, 0)]
)
def test_percentages(value: int | str | None, up: bool, count: int) -> None:
    """Of ten, shares are rounded up or down."""
    assert scaled(value, 10, up=up) == count


def test_hashes_of_names() -> None:
    """A hash depends on the value and on collisions, and is fit for a label."""
    assert name_hash({"a": 1}) == name_hash({"a": 1}) != name_hash({"a": 2})
    assert name_hash({"a": 1}, 1) != name_hash({"a": 1})
    assert name_hash({"a": 1}).isalnum()


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("* * * * *", "2026-03-01T10:31"),
        ("*/15 * * * *", "2026-03-01T10:45"),
        ("0 9-17/4 * * mon-fri", "2026-03-02T09:00"),
        ("30 4 1,15 * *", "2026-03-15T04:30"),
        ("0 0 13 * 5", "2026-03-06T00:00"),
        ("0 0 29 feb *", "2028-02-29T00:00"),
        ("@monthly", "2026-04-01T00:00"),
        ("0 0 * * 7", "2026-03-08T00:00"),
        ("0 0 30 2 *", ""),
    ],
)
def test_schedules(schedule: str, due: str) -> None:
    """The next time after half past ten on Sunday, 1 March 2026."""
    found = Schedule.parse(schedule).after(datetime.datetime(2026, 3, 1, 10, 30, tzinfo=datetime.timezone.utc))
    assert (found.isoformat()[:16] if found else "") == due


@pytest.mark.parametrize("wrong", ["", "* * * *", "60 * * * *", "*/0 * * * *", "a * * * *", "5-1 * * * *"])
def test_what_is_no_schedule(wrong: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"."):
        Schedule.parse(wrong)
