"""Tests of what goes on living when its client is closed: it says so and ends, instead of trying for ever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dynkube.errors import ClientClosedError
from dynkube.testing import APIServer
from dynkube.watch import deleted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient, Resource

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def client() -> Iterator[DynamicClient]:
    """Yield a client of a server of its own, with one config map."""
    with APIServer() as server, server.client() as client:
        _config_maps(client).create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
        yield client


def _config_maps(client: DynamicClient) -> Resource:
    return client.resource("v1", "configmaps").namespace("default")


def test_a_watch_says_that_its_client_was_closed(client: DynamicClient) -> None:
    """No watch ends in silence, and none goes on asking what can never be answered."""
    with _config_maps(client).watch(relist=True) as events:
        assert next(events)["object"]["metadata"]["name"] == "a"
        client.close()
        with pytest.raises(ClientClosedError, match="client is closed"):
            next(events)


def test_a_wait_says_that_its_client_was_closed(client: DynamicClient) -> None:
    """It does not wait for its time to run out."""
    closing = threading.Timer(0.1, client.close)
    closing.start()
    with pytest.raises(ClientClosedError, match="client is closed"):
        _config_maps(client).wait("a", deleted(), timeout=100)
    closing.join()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "list"])
def test_an_informer_ends_with_its_client(
    client: DynamicClient, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It stops by itself, which shows in `stopped`, in the log and to `on_error`."""
    told = threading.Event()
    errors: list[Exception] = []

    def on_error(error: Exception) -> None:
        errors.append(error)
        if isinstance(error, ClientClosedError):
            told.set()

    informer = _config_maps(client).informer(stream=stream, on_error=on_error)
    informer.add_handler(on_add=lambda obj, is_initial: None)
    informer.start()
    assert informer.wait_for_sync(30)
    client.close()
    assert told.wait(30)
    assert informer.stop(30)
    assert "the informer of configmaps ends, for its client was closed before it was stopped" in caplog.text
    assert len([error for error in errors if isinstance(error, ClientClosedError)]) == 1


def test_an_informer_of_a_closed_client_never_waits_for_its_state(client: DynamicClient) -> None:
    """Who waits for it to be synced learns at once that it will not be."""
    informer = _config_maps(client).informer()
    client.close()
    informer.start()
    assert not informer.wait_for_sync(100)
    assert informer.stopped
    assert informer.stop(30)
