"""The fluent request: what it builds, and what it refuses before anything is sent."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config, Timeout
from dynkube.errors import Forbidden, InvalidNameError, InvalidRequestError, NotFound, ResponseError
from dynkube.names import GroupVersion
from dynkube.rest import RESTClient
from dynkube.rest.request import go_duration
from dynkube.testing.mock import MockTransport, events_answer, json_answer, status_answer
from dynkube.transport import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.rest import Request

POD = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}}


@pytest.fixture
def mock() -> MockTransport:
    """Return a transport that answers everything with a pod."""
    return MockTransport(lambda request: json_answer(POD))


@pytest.fixture
def client(mock: MockTransport) -> RESTClient:
    """Return a client of the mock."""
    return RESTClient(Config(), transport=mock)


def _pods(client: RESTClient) -> Request:
    return client.get().api_version("v1").namespace("a").resource("pods")


@pytest.mark.parametrize(
    ("build", "line", "verb", "template"),
    [
        (lambda c: _pods(c).name("p"), "GET /api/v1/namespaces/a/pods/p", "get",
         "/api/v1/namespaces/{namespace}/pods/{name}"),
        (_pods, "GET /api/v1/namespaces/a/pods", "list", "/api/v1/namespaces/{namespace}/pods"),
        (lambda c: _pods(c).name("p").subresource("log"), "GET /api/v1/namespaces/a/pods/p/log", "get",
         "/api/v1/namespaces/{namespace}/pods/{name}/log"),
        (lambda c: c.get().abs_path("/version"), "GET /version", "get", "/version"),
        (lambda c: c.get().abs_path("/api/v1").namespace("x").resource("pods").name("p"),
         "GET /api/v1/namespaces/x/pods/p", "get", "/api/v1/namespaces/{namespace}/pods/{name}"),
        (lambda c: c.get().abs_path("apis", "apps", "v1"), "GET /apis/apps/v1", "get", "/apis/apps/v1"),
        (lambda c: c.get().abs_path("/"), "GET /", "get", "/"),
        (lambda c: c.get().abs_path("/proxy/x/"), "GET /proxy/x/", "get", "/proxy/x/"),
        (lambda c: c.get().api_version(GroupVersion("apps", "v1")).resource("deployments"),
         "GET /apis/apps/v1/deployments", "list", "/apis/apps/v1/deployments"),
        (lambda c: c.post().api_version("v1").resource("nodes").body(POD), "POST /api/v1/nodes", "create",
         "/api/v1/nodes"),
        (lambda c: c.put().api_version("v1").resource("nodes").name("n").body(POD), "PUT /api/v1/nodes/n", "update",
         "/api/v1/nodes/{name}"),
        (lambda c: c.patch("merge").api_version("v1").resource("nodes").name("n").body({}), "PATCH /api/v1/nodes/n",
         "patch", "/api/v1/nodes/{name}"),
        (lambda c: c.delete().api_version("v1").resource("nodes").name("n"), "DELETE /api/v1/nodes/n", "delete",
         "/api/v1/nodes/{name}"),
        (lambda c: c.delete().api_version("v1").resource("nodes"), "DELETE /api/v1/nodes", "deletecollection",
         "/api/v1/nodes"),
        (lambda c: c.verb("OPTIONS").abs_path("/api"), "OPTIONS /api", "options", "/api"),
        (lambda c: _pods(c).param("limit", 5).param("dryRun", "All").param("x", None).param("b", True),
         "GET /api/v1/namespaces/a/pods?b=true&dryRun=All&limit=5", "list", "/api/v1/namespaces/{namespace}/pods"),
        (lambda c: _pods(c).param("a", "1").param("a", ["2", "3"]), "GET /api/v1/namespaces/a/pods?a=1&a=2&a=3",
         "list", "/api/v1/namespaces/{namespace}/pods"),
        (lambda c: _pods(c).timeout(90), "GET /api/v1/namespaces/a/pods?timeout=1m30s", "list",
         "/api/v1/namespaces/{namespace}/pods"),
        (lambda c: _pods(c).timeout(Timeout(1.0, 2.0)), "GET /api/v1/namespaces/a/pods", "list",
         "/api/v1/namespaces/{namespace}/pods"),
        (lambda c: c.get().api_version("v1").resource("pods").namespace("a b"), None, "", ""),
    ],
)  # fmt: skip
def test_calls_make_the_request(
    build: Callable[[RESTClient], Request], line: str | None, verb: str, template: str, client: RESTClient
) -> None:
    """Each chain of calls is one request line, with verb and template for those who count."""
    request = build(client).build()
    if line is not None:
        assert (f"{request.method} {request.target}", request.verb, request.template) == (line, verb, template)
    else:
        assert request.target == "/api/v1/namespaces/a%20b/pods"


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda c: c.get().namespace(""), InvalidNameError, "namespace is empty"),
        (lambda c: c.get().name("../secrets/x"), InvalidNameError, "name"),
        (lambda c: c.get().name("a%2fb"), InvalidNameError, "'%'"),
        (lambda c: c.get().resource("a/b"), InvalidNameError, "resource"),
        (lambda c: c.get().subresource(), InvalidNameError, "subresource is empty"),
        (lambda c: c.get().subresource("proxy", ".."), InvalidNameError, "subresource"),
        (lambda c: c.get().abs_path("/api/../version"), InvalidNameError, "segment of the path"),
        (lambda c: c.get().abs_path("/a%2e"), InvalidNameError, "'%'"),
        (lambda c: c.get().abs_path("/a//b"), InvalidNameError, "empty"),
        (lambda c: c.get().api_version("a/b/c"), InvalidNameError, "apiVersion"),
        (lambda c: c.get().api_version(GroupVersion("..", "v1")), InvalidNameError, "API group"),
        (lambda c: c.get().namespace("a").namespace("b"), InvalidRequestError, "namespace was already set to 'a'"),
        (lambda c: c.get().resource("a").resource("a"), InvalidRequestError, "resource was already set"),
        (lambda c: c.get().name("a").name("b"), InvalidRequestError, "name was already set"),
        (lambda c: c.get().subresource("a").subresource("b"), InvalidRequestError, "subresource was already set"),
        (lambda c: c.get().abs_path("/a").abs_path("/b"), InvalidRequestError, "absolute path was already set"),
        (lambda c: c.get().abs_path("/a").api_version("v1"), InvalidRequestError, "contradicts"),
        (lambda c: c.post().body({}).body({}), InvalidRequestError, "body was already set"),
        (lambda c: c.get().body({}), InvalidRequestError, "GET carries no body"),
        (lambda c: c.post().body("a file name?"), InvalidRequestError, "not str"),
        (lambda c: c.post().body({"a": math.nan}), InvalidRequestError, "cannot be written as JSON"),
        (lambda c: c.post().body({"a": object()}), InvalidRequestError, "cannot be written as JSON"),
        (lambda c: c.patch("jsonpatch"), InvalidRequestError, "patch type 'jsonpatch' is unknown"),
        (lambda c: c.verb("get"), InvalidRequestError, "HTTP method 'get'"),
        (lambda c: c.get().param("limit", 1.5), InvalidRequestError, "'limit'"),
        (lambda c: c.get().timeout(0), InvalidRequestError, "positive"),
        (lambda c: c.get().build(), InvalidRequestError, "has no path"),
        (lambda c: c.get().api_version("v1").name("a").build(), InvalidRequestError, "needs a resource"),
        (lambda c: c.get().api_version("v1").resource("a").subresource("b").build(), InvalidRequestError, "name"),
    ],
)
def test_wrong_calls_are_refused(
    build: Callable[[RESTClient], Any], error: type[Exception], message: str, client: RESTClient, mock: MockTransport
) -> None:
    """A wrong or repeated call raises where it is made, and nothing is sent."""
    with pytest.raises(error, match=message):
        build(client)
    assert mock.requests == []


@pytest.mark.parametrize(
    ("type_", "media_type"),
    [
        ("json", "application/json-patch+json"),
        ("merge", "application/merge-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
        ("apply", "application/apply-patch+yaml"),
        ("application/x+json", "application/x+json"),
    ],
)
def test_a_patch_says_its_type(type_: str, media_type: str, client: RESTClient) -> None:
    """The patch type becomes the one Content-Type of the request."""
    request = client.patch(type_).abs_path("/x").body([{"op": "test"}]).build()
    assert [value for name, value in request.headers if name.lower() == "content-type"] == [media_type]


def test_bodies_are_compact_utf8_json(client: RESTClient) -> None:
    """Dicts become compact JSON with their type; bytes go as they are, without one."""
    request = client.post().abs_path("/x").body({"größe": [1, 2.5, None]}).build()
    assert request.body == '{"größe":[1,2.5,null]}'.encode()
    assert ("Content-Type", "application/json") in request.headers
    raw = client.post().abs_path("/x").body(b"\x00raw").build()
    assert raw.body == b"\x00raw"
    assert raw.headers == (("Accept", "application/json, */*"),)


def test_bodies_are_yaml_too(client: RESTClient) -> None:
    """What is applied is read as YAML, which refuses some characters and takes others for the end of a line."""
    request = client.patch("apply").abs_path("/x").body({"a": "\x7f \x85 \u2028\u2029\uffff\ufeff😀"}).build()
    assert request.body == '{"a":"\\u007f \\u0085 \\u2028\\u2029\\uffff\ufeff😀"}'.encode()


def test_headers_can_be_added(client: RESTClient) -> None:
    """Each value of a header is a line of its own; an Accept of one's own replaces the default."""
    request = client.get().abs_path("/x").header("Accept", "text/plain").header("X", "1", "2").build()
    assert request.headers == (("Accept", "text/plain"), ("X", "1"), ("X", "2"))


def test_the_answer_can_be_had_in_every_form(client: RESTClient, mock: MockTransport) -> None:
    """do, into, raw and stream send once each and give the result, the object, the bytes, the open answer."""
    result = _pods(client).name("p").do()
    assert (result.status_code, result.into(), json.loads(result.raw())) == (200, POD, POD)
    assert result.headers["content-type"] == "application/json"
    assert _pods(client).name("p").into() == POD
    assert json.loads(_pods(client).name("p").raw()) == POD
    with _pods(client).name("p").stream() as response:
        assert json.loads(response.read()) == POD
    assert len(mock.requests) == 4
    assert "pods" in repr(_pods(client))
    assert "200" in repr(result)


def test_a_watch_asks_for_events_and_yields_them() -> None:
    """watch() adds watch=true and gives the events of one connection."""
    events = [{"type": "ADDED", "object": POD}, {"type": "DELETED", "object": POD}]
    mock = MockTransport(lambda request: events_answer(events))
    with RESTClient(Config(), transport=mock) as client:
        assert list(_pods(client).timeout(30).watch()) == events
    assert mock.requests[0].target == "/api/v1/namespaces/a/pods?watch=true"
    assert mock.requests[0].verb == "watch"
    assert ("Accept", "application/json") in mock.requests[0].headers
    assert mock.closed


def test_failures_are_raised_whatever_the_form() -> None:
    """A failure Status is its exception for do, into, raw, stream and watch alike."""
    mock = MockTransport({"GET /api/v1/namespaces/a/pods": status_answer(403, "Forbidden", "no")})
    client = RESTClient(Config(), transport=mock)
    for call in ("do", "into", "raw", "stream", "watch"):
        with pytest.raises(Forbidden, match="no"):
            getattr(_pods(client), call)()


def test_the_plain_calls_share_the_same_rules() -> None:
    """request, raw, open and watch decode and raise as the fluent calls do; send passes any status through."""
    mock = MockTransport(
        {
            "GET /pod": json_answer(POD),
            "GET /missing": status_answer(404, "NotFound", "gone fishing"),
            "GET /same": HTTPResponse(304),
            "GET /page": HTTPResponse(200, {"Content-Type": "text/html"}, b"<html>Sign in"),
        }
    )
    client = RESTClient(Config(), transport=mock, api_version="v1")
    pod = client.get().abs_path("/pod").build()
    assert client.request(pod) == POD
    assert json.loads(client.raw(pod)[1]) == POD
    missing = client.get().abs_path("/missing").build()
    for call in (client.request, client.raw, client.open, client.watch):
        with pytest.raises(NotFound, match="gone fishing"):
            call(missing)
    assert client.send(client.get().abs_path("/same").build()).status == 304
    with pytest.raises(ResponseError, match="web page"):
        client.request(client.get().abs_path("/page").build())
    assert client.transport is mock
    assert "RESTClient" in repr(client)
    assert client.get().resource("pods").build().target == "/api/v1/pods"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5s"), (1.5, "1.5s"), (90, "1m30s"), (60, "1m0s"), (3600, "1h0m0s"), (3661.25, "1h1m1.25s"), (0.25, "250ms")],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    """The query parameter `timeout` is a Go duration."""
    assert go_duration(seconds) == text
