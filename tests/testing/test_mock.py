"""The mock transport."""

from __future__ import annotations

import pytest

from dynkube.errors import ConnectFailedError
from dynkube.testing.mock import MockTransport, Rule, events_answer, json_answer, status_answer
from dynkube.transport import HTTPRequest

GET = HTTPRequest("GET", "/a?x=1")


def test_rules_are_found_by_method_and_path() -> None:
    """The whole target wins over its path; what no rule covers is a 404 Status."""
    mock = MockTransport({"GET /a": json_answer({"n": 1}), "GET /a?x=1": json_answer({"n": 2})})
    assert mock.send(GET).read() == b'{"n": 2}'
    assert mock.send(HTTPRequest("GET", "/a?x=2")).read() == b'{"n": 1}'
    assert mock.send(HTTPRequest("PUT", "/a")).status == 404
    assert [request.target for request in mock.requests] == ["/a?x=1", "/a?x=2", "/a"]


def test_lists_of_rules_are_used_up_in_order() -> None:
    """Each request takes the next rule of a list, exceptions and functions included; the last one stays."""
    rules: list[Rule] = [
        status_answer(503, "ServiceUnavailable"),
        ConnectFailedError("gone"),
        lambda request: json_answer({}),
    ]
    mock = MockTransport({"GET /a": rules})
    assert mock.send(GET).status == 503
    with pytest.raises(ConnectFailedError):
        mock.send(GET)
    assert [mock.send(GET).status for _ in range(3)] == [200] * 3


def test_an_answer_can_be_given_again_and_again() -> None:
    """The same rule serves many requests; each answer knows its own request."""
    mock = MockTransport(lambda request: events_answer([{"type": "ADDED"}]))
    first, second = mock.send(GET), mock.send(HTTPRequest("GET", "/b"))
    assert list(first.lines()) == list(second.lines()) == [b'{"type": "ADDED"}']
    assert second.url == "mock://server/b"


def test_closing_is_remembered() -> None:
    """close() is visible to the test."""
    mock = MockTransport(lambda request: json_answer({}))
    assert not mock.closed
    mock.close()
    assert mock.closed
    assert "0 requests" in repr(mock)
