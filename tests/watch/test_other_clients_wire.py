"""What other clients made of what came over the wire, over a mock transport and against the embedded server."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dynkube.config import UNSET, Config, Timeout
from dynkube.dynamic import DynamicClient
from dynkube.errors import InvalidRequestError, StatusError, Unauthorized
from dynkube.names import GroupVersionResource
from dynkube.rest import RESTClient
from dynkube.testing import APIServer
from dynkube.testing.mock import MockTransport, json_answer
from dynkube.transport import HTTPRequest, HTTPResponse
from dynkube.watch import Watcher, condition, deleted
from dynkube.watch.protocol import IDLE_TIMEOUT
from watch.fakes import FakeClock, event, page, thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.dynamic import Resource

THINGS = GroupVersionResource("test", "v1", "things")


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _stream(*lines: bytes) -> HTTPResponse:
    return HTTPResponse(200, {"Content-Type": "application/json"}, b"".join(lines))


def _watching(
    answers: Callable[[HTTPRequest], HTTPResponse], **options: Any
) -> tuple[Watcher, MockTransport, FakeClock]:
    """Return a watch of things whose every request is answered by a function."""
    config, transport, clock = Config(host="http://mock"), MockTransport(answers), FakeClock()
    client = DynamicClient(config, rest=RESTClient(config, transport=transport))
    source = client.resource(THINGS).all_namespaces().lister_watcher()
    return Watcher(source, clock=clock, random=lambda: 0.0, **options), transport, clock


def _script(*answers: HTTPResponse) -> Callable[[HTTPRequest], HTTPResponse]:
    remaining = list(answers)
    return lambda _: remaining.pop(0)


def test_a_bare_status_in_a_stream_is_raised() -> None:
    """Some front ends send a Status instead of an event; it is the refusal it says, never an object."""
    status = {"kind": "Status", "status": "Failure", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}
    watcher, transport, _ = _watching(
        _script(_stream(_line(event("ADDED", "a", 5)), _line(status))), resource_version="1"
    )
    assert next(watcher)["object"]["metadata"]["name"] == "a"
    with pytest.raises(Unauthorized):
        next(watcher)
    assert len(transport.requests) == 1


def test_an_error_event_without_code_and_reason_is_raised() -> None:
    """What nobody can classify is the caller's, with the words the server had for it."""
    error = {"type": "ERROR", "object": {"kind": "Status", "message": "the cat is on the keyboard"}}
    watcher, _, _ = _watching(_script(_stream(_line(error))), resource_version="1")
    with pytest.raises(StatusError, match="the cat is on the keyboard"):
        next(watcher)


def test_too_many_requests_may_be_said_by_the_header_alone() -> None:
    """A gateway that is no API server writes text and Retry-After."""
    busy = HTTPResponse(429, {"Retry-After": "7"}, b"too many requests")
    watcher, _, clock = _watching(_script(busy, _stream(_line(event("ADDED", "a", 5)))), resource_version="1")
    assert next(watcher)["object"]["metadata"]["name"] == "a"
    assert clock.pauses == [7.0]


@pytest.mark.parametrize(
    "poison",
    [
        b'{"type":"MODIFIED","object":{"metadata":{"name":"b","resourceVersion":"6"},"data":"\xc0\xaf"}}\n',
        _line({"type": "RENAMED", "object": thing("b", 6)}),
        _line({"type": "BOOKMARK", "object": {"metadata": "no dict"}}),
    ],
    ids=["no UTF-8", "unknown type", "no bookmark"],
)
class TestPoison:
    """An event that nobody can read, at the same place of every stream."""

    def test_the_rate_is_bounded(self, poison: bytes) -> None:
        """It is asked for again at the pace of the backoff, what came before it is handed out once, and it never is."""

        def answer(request: HTTPRequest) -> HTTPResponse:
            version = parse_qs(urlsplit(request.target).query)["resourceVersion"][0]
            return _stream(*[_line(event("ADDED", "a", 5))] * (version == "1"), poison)

        watcher, transport, _ = _watching(answer, resource_version="1", timeout=3600.0)
        assert [each["object"]["metadata"]["name"] for each in watcher] == ["a"]
        assert len(transport.requests) < 140

    def test_a_list_leads_past_it(self, poison: bytes) -> None:
        """A watch that may list does, and goes on after it."""

        def answer(request: HTTPRequest) -> HTTPResponse:
            query = parse_qs(urlsplit(request.target).query)
            if "watch" not in query:
                first = len(transport.requests) == 1
                return json_answer(page(thing("a", 5), version=5) if first else page(thing("a", 6), version=6))
            if query["resourceVersion"] == ["5"]:
                return _stream(poison)
            return _stream(_line(event("ADDED", "after", 7)))

        watcher, transport, _ = _watching(answer, relist=True)
        seen = [next(watcher) for _ in range(3)]
        watcher.close()
        assert [(each["type"], each["object"]["metadata"]["name"]) for each in seen] == [
            ("ADDED", "a"),
            ("MODIFIED", "a"),
            ("ADDED", "after"),
        ]


def test_every_request_of_a_watch_is_bounded() -> None:
    """Bookmarks and an end within ten minutes are asked for each time, not only at first."""
    answers = [_stream(_line(event("ADDED", f"o{number}", number))) for number in range(2, 6)]
    watcher, transport, _ = _watching(_script(*answers), resource_version="1")
    for _ in range(4):
        next(watcher)
    watcher.close()
    queries = [parse_qs(urlsplit(request.target).query) for request in transport.requests]
    assert [query["resourceVersion"] for query in queries] == [["1"], ["2"], ["3"], ["4"]]
    assert all(query["allowWatchBookmarks"] == ["true"] and query["watch"] == ["true"] for query in queries)
    assert all(300 <= int(query["timeoutSeconds"][0]) <= 600 for query in queries)


def test_the_time_limit_of_a_request_is_none_of_a_watch() -> None:
    """A quiet watch outlives the read timeout of the configuration; it has its own, made for bookmarks."""
    limits: list[Any] = []

    class _Noting(MockTransport):
        def send(self, request: HTTPRequest, *, timeout: Any = UNSET, stream: bool = False) -> HTTPResponse:
            limits.append(timeout)
            return super().send(request, timeout=timeout, stream=stream)

    config = Config(host="http://mock", timeout=Timeout(connect=1.0, read=10.0))
    client = DynamicClient(
        config, rest=RESTClient(config, transport=_Noting(_script(_stream(_line(event("ADDED", "a", 5))))))
    )
    with client.resource(THINGS).all_namespaces().watch(resource_version="1") as watcher:
        next(watcher)
    assert [Timeout.of(limit).read for limit in limits] == [IDLE_TIMEOUT]


# Against the embedded server


@pytest.fixture
def config_maps() -> Iterator[Resource]:
    """Return the config maps of a server."""
    with APIServer(controllers=False) as server, server.client(qps=-1.0) as client:
        yield client.resource("v1", "configmaps").namespace("default")


def _config_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"app": "web"}, **metadata}, "data": {"k": "v"}}


def test_what_happened_since_a_list_is_told(config_maps: Resource) -> None:
    """From the version of a list, by a selector: each change once and in order, a collection's deletion included."""
    config_maps.create(_config_map("a"))
    version = config_maps.list(label_selector={"app": "web"})["metadata"]["resourceVersion"]
    config_maps.create(_config_map("b"))
    config_maps.create({**_config_map("other"), "metadata": {"name": "other"}})
    config_maps.patch("b", {"data": {"k": "w"}})
    config_maps.delete_collection(label_selector={"app": "web"})
    with config_maps.watch(label_selector={"app": "web"}, resource_version=version, timeout=30) as watcher:
        events = [next(watcher) for _ in range(4)]
    told = [(each["type"], each["object"]["metadata"]["name"]) for each in events]
    assert told[:2] == [("ADDED", "b"), ("MODIFIED", "b")]
    assert sorted(told[2:]) == [("DELETED", "a"), ("DELETED", "b")]


def test_one_object_is_watched_by_its_name(config_maps: Resource) -> None:
    """A field selector leaves the others out, and the timeout ends the watch without an error."""
    config_maps.create(_config_map("one"))
    config_maps.create(_config_map("two"))
    watcher = config_maps.watch(field_selector={"metadata.name": "one"}, timeout=0.5)
    assert [each["object"]["metadata"]["name"] for each in watcher] == ["one"]


def test_a_deletion_is_waited_for_by_its_answer(config_maps: Resource) -> None:
    """While a finalizer holds the object the answer is the object, and the wait ends when that very one is gone."""
    config_maps.create(_config_map("held", finalizers=["example.com/hold"]))
    gone = deleted(config_maps.delete("held"))
    assert not gone(config_maps.get("held"))
    release = threading.Thread(target=config_maps.patch, args=("held", {"metadata": {"finalizers": None}}))
    release.start()
    assert config_maps.wait("held", gone, timeout=30) is None
    release.join(30)


def test_a_deletion_is_known_although_the_name_is_taken_again(config_maps: Resource) -> None:
    """Where the answer is a Status it has the uid, too: the object made again meanwhile is another one."""
    config_maps.create(_config_map("again"))
    gone = deleted(config_maps.delete("again"))
    config_maps.create(_config_map("again"))
    assert config_maps.wait("again", gone, timeout=0) is not None


@pytest.mark.parametrize("answer", [{"kind": "Status", "details": {}}, {"metadata": {"name": "x"}}, {}])
def test_an_answer_without_a_uid_is_refused(answer: dict[str, Any]) -> None:
    """Nothing could be told apart by it."""
    with pytest.raises(InvalidRequestError, match="uid"):
        deleted(answer)


def test_a_definition_is_established_before_it_is_used() -> None:
    """What users of typed clients poll for is a condition like any other, and absence is no failure."""
    with APIServer() as server, server.client(qps=-1.0) as client:
        definitions = client.resource("crd")
        spec = {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "shirts", "singular": "shirt", "kind": "Shirt", "listKind": "ShirtList"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        }
        definition = {"metadata": {"name": "shirts.example.com"}, "spec": spec}
        create = threading.Thread(target=definitions.create, args=(definition,))
        create.start()
        found = definitions.wait("shirts.example.com", condition("Established"), timeout=30)
        create.join(30)
    assert found is not None
