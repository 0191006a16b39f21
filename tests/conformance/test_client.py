"""Every recorded answer, put before the client: the right result, or the right exception."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance import transcripts
from dynkube import errors
from dynkube.config import Config
from dynkube.rest import RESTClient
from dynkube.testing.http.connections import HTTPRequest as Received
from dynkube.testing.http.connections import HTTPResponse as Answer
from dynkube.testing.http.connections import HTTPServer
from dynkube.transport import HTTPRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recorded:
    """A server that answers whatever is put into ``response``."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}

    def __call__(self, request: Received) -> Answer:
        """Answer as recorded."""
        recorded = self.response
        headers = {name.title(): value for name, value in recorded["headers"].items() if name != "warning"}
        warning = recorded["headers"].get("warning")
        if "stream" in recorded:
            body = b"".join(json.dumps(event).encode() + b"\n" for event in recorded["stream"])
        elif "body" in recorded:
            body = json.dumps(recorded["body"]).encode()
        else:
            body = recorded["text"].encode()
        return Answer(recorded["status"], headers, body, warnings=[warning] if warning else [])


@pytest.fixture
def recorded() -> Recorded:
    """Return what answers."""
    return Recorded()


@pytest.fixture
def warnings() -> list[str]:
    """Return the warnings the client was sent."""
    return []


@pytest.fixture
def rest(recorded: Recorded, warnings: list[str]) -> Iterator[RESTClient]:
    """Return a client of the recorded server."""
    server = HTTPServer(recorded)
    server.start()
    config = Config(host=f"http://127.0.0.1:{server.port}", warning_handler=warnings.append)
    try:
        with RESTClient(config) as client:
            yield client
    finally:
        server.stop()


def request_of(step: dict[str, Any]) -> HTTPRequest:
    """Return the recorded request in the client's form; only the method matters to the answer's reading."""
    return HTTPRequest(method=step["request"]["method"], target="/recorded")


def steps(scenario: str) -> list[dict[str, Any]]:
    """Return the steps of a scenario that have an answer."""
    return [step for step in transcripts.steps(scenario) if "response" in step]


@pytest.mark.parametrize("scenario", transcripts.SCENARIOS)
def test_every_recorded_answer_is_understood(
    rest: RESTClient, recorded: Recorded, warnings: list[str], scenario: str
) -> None:
    """Objects come out as they are, events as they are, failures as the exception of their reason."""
    for step in steps(scenario):
        response = recorded.response = step["response"]
        warnings.clear()
        # A 429 or 504 with Retry-After is tried again by the client; that is tested where retries are.
        response["headers"].pop("retry-after", None)
        if response["status"] >= 400:
            check_failure(rest, step)
        elif "stream" in response:
            with rest.watch(request_of(step)) as events:
                assert list(events) == response["stream"]
        elif isinstance(response.get("body"), dict):
            assert rest.request(request_of(step)) == response["body"]
        else:
            _, body = rest.raw(request_of(step))
            assert body.decode() == response["text"]
        sent = response["headers"].get("warning")
        assert bool(warnings) == bool(sent)


def check_failure(rest: RESTClient, step: dict[str, Any]) -> None:
    """Compare the exception with the recorded Status."""
    response = step["response"]
    with pytest.raises(errors.StatusError) as raised:
        rest.request(request_of(step))
    error = raised.value
    assert error.code == response["status"]
    status = response.get("body")
    if status is None:
        assert isinstance(error, errors.NotFound)
        return
    reason = status.get("reason", "")
    assert error.reason == reason
    assert error.message == status["message"]
    assert error.details == status.get("details", {})
    if reason:
        assert type(error).__name__ == reason
    assert list(error.causes) == status.get("details", {}).get("causes", [])
