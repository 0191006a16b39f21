"""The opt-in watch that keeps a long-lived client informed of the APIs served."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from mapping.test_with_server import widgets

from dynkube.dynamic.surface import SETTLING
from dynkube.errors import Forbidden, InvalidRequestError, NoMatchError
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.dynamic import DynamicClient

#: Longest time anything here may take to be noticed, in seconds.
PATIENCE = 10.0


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Start a server."""
    with APIServer() as started:
        yield started


@pytest.fixture
def dyn(server: APIServer) -> Iterator[DynamicClient]:
    """Return the client that is to be kept informed."""
    with server.client() as client:
        yield client


@pytest.fixture
def other(server: APIServer) -> Iterator[DynamicClient]:
    """Return the client that changes things behind the other's back."""
    with server.client() as client:
        yield client


def watching() -> list[threading.Thread]:
    """Return the threads of all watches of this process."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("dynkube-reflector-")]


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for something to hold; return whether it did in time."""
    until = time.monotonic() + PATIENCE
    event = threading.Event()
    while not holds():
        if time.monotonic() > until:
            return False
        event.wait(0.01)
    return True


def names(dyn: DynamicClient) -> set[str]:
    """Return what is known of example.com, without a lookup that could miss."""
    found = dyn.mapper.discovered().resources
    return {
        f"{each.name} {each.namespaced}" for gv, listed in found.items() if gv.group == "example.com" for each in listed
    }


def test_created_changed_and_deleted_elsewhere(dyn: DynamicClient, other: DynamicClient) -> None:
    """What another client does to a definition is seen without any lookup that misses."""
    with dyn.keep_fresh() as watch:
        assert watch.wait_for_sync(PATIENCE)
        assert names(dyn) == set()
        definitions = other.resource("crd")
        definitions.create(widgets())
        assert eventually(lambda: names(dyn) == {"widgets True"})
        definitions.patch("widgets.example.com", {"spec": {"names": {"shortNames": ["wd"]}}})
        assert eventually(lambda: dyn.mapper.discovered() is not None and "wd" in short_names(dyn))
        definitions.delete("widgets.example.com")
        assert eventually(lambda: names(dyn) == set())
        with pytest.raises(NoMatchError):
            dyn.mapper.resolve(None, "widgets")
        definitions.create(widgets("Cluster"))
        assert eventually(lambda: names(dyn) == {"widgets False"})


def short_names(dyn: DynamicClient) -> set[str]:
    """Return the short names of the kinds of example.com."""
    found = dyn.mapper.discovered().resources
    return {
        short for gv, listed in found.items() if gv.group == "example.com" for r in listed for short in r.short_names
    }


@pytest.fixture
def forgotten(dyn: DynamicClient, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of the times the mapper was told to forget what it knew: for how long each was provisional."""
    told: list[float] = []
    monkeypatch.setattr(dyn.mapper, "invalidate", lambda *, settling: told.append(settling))
    return told


def test_every_change_counts(dyn: DynamicClient, other: DynamicClient, forgotten: list[float]) -> None:
    """Each change of a definition, its status included, and of an APIService has the mapper forget what it knew."""
    service = {
        "metadata": {"name": "v1.extra.example.com"},
        "spec": {"group": "extra.example.com", "version": "v1", "groupPriorityMinimum": 9, "versionPriority": 9},
    }
    definitions, services = other.resource("crd"), other.resource("apiregistration.k8s.io/v1", "apiservices")
    with dyn.keep_fresh() as watch:
        assert watch.wait_for_sync(PATIENCE)
        assert forgotten == [SETTLING, SETTLING]
        changes: list[Callable[[], object]] = [
            lambda: definitions.create(widgets()),
            lambda: definitions.patch("widgets.example.com", {"metadata": {"labels": {"a": "b"}}}),
            lambda: definitions.delete("widgets.example.com"),
            lambda: services.create(service),
            lambda: services.delete("v1.extra.example.com"),
        ]
        for change in changes:
            forgotten.clear()
            change()
            assert eventually(lambda: bool(forgotten))
            assert set(forgotten) == {SETTLING}


def test_missed_events(dyn: DynamicClient, other: DynamicClient, server: APIServer) -> None:
    """A change made while the watch was cut off, and whose event the server no longer has, is seen all the same."""
    with dyn.keep_fresh() as watch:
        assert watch.wait_for_sync(PATIENCE)
        other.resource("crd").create(widgets())
        assert eventually(lambda: names(dyn) == {"widgets True"})
        server.inject("error", path="/apis/apiextensions.k8s.io/v1/customresourcedefinitions", watch=True, count=1)
        server.restart()
        other.resource("crd").delete("widgets.example.com")
        server.compact()
        assert eventually(lambda: names(dyn) == set())


def test_it_keeps_nothing_open(dyn: DynamicClient) -> None:
    """Closing it ends both threads, within a second or so; it may be closed again."""
    before = set(watching())
    watch = dyn.keep_fresh()
    assert len(set(watching()) - before) == 2
    assert watch.wait_for_sync(PATIENCE)
    assert watch.close()
    assert watch.closed
    assert set(watching()) == before
    assert watch.close()


def test_closing_the_client_ends_it(server: APIServer) -> None:
    """A client that is closed takes its watches along, and starts none afterwards."""
    before = set(watching())
    with server.client() as dyn:
        watch = dyn.keep_fresh()
        assert len(set(watching()) - before) == 2
    assert watch.closed
    assert set(watching()) == before
    assert not watch.wait_for_sync(0)
    with pytest.raises(InvalidRequestError, match="closed"):
        dyn.keep_fresh()
    assert set(watching()) == before


def test_what_is_forbidden_is_told_and_tried_again(dyn: DynamicClient, server: APIServer) -> None:
    """A refusal reaches on_error; the watch goes on trying and works as soon as it may."""
    server.inject("error", path="/apis/apiregistration.k8s.io/v1/apiservices", status=403, count=1)
    failures: list[Exception] = []
    with dyn.keep_fresh(on_error=failures.append) as watch:
        assert watch.wait_for_sync(PATIENCE)
    assert [type(failure) for failure in failures] == [Forbidden]


def test_nothing_is_kept(dyn: DynamicClient, server: APIServer) -> None:
    """Only metadata is asked for, of both resources."""
    with dyn.keep_fresh() as watch:
        assert watch.wait_for_sync(PATIENCE)
    lists = [
        request
        for request in server.requests
        if "customresourcedefinitions" in request.path or "apiservices" in request.path
    ]
    assert lists
    assert all("PartialObjectMetadata" in request.headers["accept"] for request in lists)
