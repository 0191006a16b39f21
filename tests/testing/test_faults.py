"""Faults on demand, by rule."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import InvalidRequestError
from dynkube.testing.faults import Fault
from testing.calling import CMS, Caller, Stream, config_map

if TYPE_CHECKING:
    from dynkube.testing import APIServer


def test_an_error_is_answered_instead(server: APIServer, call: Caller) -> None:
    """The request is not carried out; 429 and 503 carry Retry-After in header and Status."""
    server.inject("error", method="POST", path="*/configmaps", status=429, retry_after=7, count=1)
    answer = call("POST", CMS, config_map("a"))
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.json["details"]["retryAfterSeconds"] == 7
    assert call("GET", f"{CMS}/a").status == 404
    assert call("POST", CMS, config_map("a")).status == 201


def test_latency_delays_and_goes_on(server: APIServer, call: Caller) -> None:
    """The answer comes, later."""
    rule = server.inject("latency", seconds=0.2, path="/version")
    started = time.monotonic()
    assert call("GET", "/version").status == 200
    assert time.monotonic() - started >= 0.2
    assert rule.hits == 1


@pytest.mark.parametrize("kind", ["reset-before-headers", "reset-after-headers", "truncate"])
def test_a_cut_connection_is_seen_as_one(server: APIServer, call: Caller, kind: str) -> None:
    """The client gets an error of the connection, never a short answer that looks whole."""
    server.inject(kind, path="/version", count=1)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        call("GET", "/version")
    assert call("GET", "/version").status == 200


def test_a_request_reset_before_its_answer_is_not_carried_out(server: APIServer, call: Caller) -> None:
    """And one reset after the headers is: both happen to real clients."""
    for kind, status in (("reset-before-headers", 404), ("reset-after-headers", 200)):
        server.inject(kind, method="POST", count=1)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            call("POST", CMS, config_map("a"))
        assert call("GET", f"{CMS}/a").status == status


def test_a_watch_is_cut_in_the_middle_of_a_frame(server: APIServer, call: Caller) -> None:
    """What arrives is no whole event."""
    server.inject("truncate", watch=True, count=1)
    call.ok("POST", CMS, config_map("a"))
    with (
        Stream(call, f"{CMS}?watch=1&timeoutSeconds=20") as stream,
        pytest.raises((ConnectionError, http.client.HTTPException)),
    ):
        stream.rest()


def test_a_half_open_watch_says_nothing(server: APIServer, call: Caller) -> None:
    """The head comes, events do not, and the connection stays until the server stops."""
    server.inject("half-open", watch=True, count=1)
    with Stream(call, f"{CMS}?watch=1&timeoutSeconds=20") as stream:
        assert stream.status == 200
        call.ok("POST", CMS, config_map("a"))
        server.stop()
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            stream.rest()


def test_expired_and_html_are_what_clients_meet(server: APIServer, call: Caller) -> None:
    """A 410 at the HTTP level, and a proxy's page."""
    server.inject("expired", path="*/configmaps", count=1)
    assert call("GET", CMS).json["reason"] == "Expired"
    server.inject("html", path="*/configmaps", count=1)
    answer = call("GET", CMS)
    assert (answer.status, answer.headers["content-type"]) == (502, "text/html")


def test_rules_count_probability_and_order(server: APIServer, call: Caller) -> None:
    """``after`` lets requests pass, probability 0 never strikes, ``clear`` lifts everything."""
    server.inject("error", path="/version", after=1, count=1, status=500)
    server.inject("error", path="/healthz", probability=0.0)
    assert [call("GET", "/version").status for _ in range(3)] == [200, 500, 200]
    assert call("GET", "/healthz").status == 200
    server.inject("error", path="*")
    server.faults.clear()
    assert call("GET", "/version").status == 200


def test_faults_can_be_asked_for_over_http(call: Caller, server: APIServer) -> None:
    """The control endpoint adds, lists and lifts rules, compacts, and refuses nonsense with a reason."""
    rule: dict[str, Any] = {"kind": "error", "path": "/version", "status": 500}
    assert call("POST", "/dynkube/faults", rule).status == 201
    assert call("GET", "/version").status == 500
    (listed,) = call.ok("GET", "/dynkube/faults")
    assert (listed["kind"], listed["hits"]) == ("error", 1)
    assert call("DELETE", "/dynkube/faults").status == 200
    assert call("GET", "/version").status == 200
    assert call("POST", "/dynkube/compact").status == 200
    assert b"unknown fault" in call("POST", "/dynkube/faults", {"kind": "meteor"}).raw
    assert b"unknown field 'pth'" in call("POST", "/dynkube/faults", {"kind": "error", "pth": "x"}).raw
    assert call("POST", "/dynkube/faults", [1]).status == 400
    assert server.requests[-1].path == "/version"


@pytest.mark.parametrize(
    "rule", [{"kind": "x"}, {"kind": "error", "probability": 2}, {"kind": "latency", "seconds": -1}]
)
def test_a_wrong_rule_is_refused_when_it_is_made(rule: dict[str, Any]) -> None:
    """Nothing is injected that does not mean anything."""
    with pytest.raises(InvalidRequestError):
        Fault.from_mapping(rule)


def test_a_restart_can_be_asked_for_over_http(server: APIServer, call: Caller) -> None:
    """The request is answered, then the server goes down and comes back with its objects."""
    call.ok("POST", CMS, config_map("a"))
    with Stream(call, f"{CMS}?watch=1&timeoutSeconds=60") as stream:
        assert stream.next()["type"] == "ADDED"
        assert call("POST", "/dynkube/restart").status == 202
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            stream.rest()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert call("GET", f"{CMS}/a").status == 200
            break
        except ConnectionError:
            continue
    else:
        pytest.fail(f"{server!r} did not come back")
