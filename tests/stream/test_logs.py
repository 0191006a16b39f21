"""Logs: what was written, what is being written, and the ways they end."""

from __future__ import annotations

import datetime
import threading
from typing import TYPE_CHECKING, Any

import pytest
from transport.servers import CHUNKED, chunk

from dynkube.config import Config, Impersonation
from dynkube.dynamic import DynamicClient
from dynkube.errors import (
    BadRequest,
    ClientClosedError,
    Forbidden,
    InvalidNameError,
    InvalidRequestError,
    NotFound,
    RequestTimeoutError,
    ResponseError,
    UnsupportedVerbError,
)
from dynkube.names import GroupVersionResource
from dynkube.transport import Cancellation
from stream.conftest import pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Peer, Received, Server

    from dynkube.dynamic import Resource
    from dynkube.testing import APIServer
    from dynkube.testing.containers import Containers

PODS = GroupVersionResource("", "v1", "pods")


def at(server: Server) -> DynamicClient:
    """Return a client of a server whose every byte the test decides."""
    return DynamicClient(Config(host=server.url))


def test_a_log_is_lines_of_text(pods: Resource, containers: Containers) -> None:
    r"""Lines end with \n alone: U+0085, U+2028 and \r stay in them, and an unfinished last line comes, too."""
    containers.set_log("default", "web", "one\r\na\u0085b\u2028c\n\nunfinished")
    log = pods.logs("web")
    assert list(log) == ["one\r", "a\u0085b\u2028c", "", "unfinished"]
    assert log.ended == "the server ended the log"


def test_bytes_that_are_no_text_are_replaced_or_kept(pods: Resource, containers: Containers) -> None:
    """As text they read as U+FFFD; raw_lines and chunks have them as they are."""
    containers.set_log("default", "web", b"a\xffb\n\xfe\n")
    assert list(pods.logs("web")) == ["a\ufffdb", "\ufffd"]
    assert list(pods.logs("web").raw_lines()) == [b"a\xffb", b"\xfe"]
    assert b"".join(pods.logs("web").chunks()) == b"a\xffb\n\xfe\n"


def test_a_log_is_read_whole(pods: Resource, containers: Containers) -> None:
    """Read returns all of it as text; a log that is JSON is text all the same."""
    containers.set_log("default", "web", '{"kind": "Status"}\n')
    assert pods.logs("web").read() == '{"kind": "Status"}\n'


def test_a_log_is_narrowed(pods: Resource, containers: Containers) -> None:
    """tail_lines, limit_bytes, since_time and timestamps do what PodLogOptions says."""
    containers.set_log("default", "web", "one\ntwo\nthree\n")
    assert pods.logs("web", tail_lines=2).read() == "two\nthree\n"
    assert pods.logs("web", tail_lines=0).read() == ""
    assert pods.logs("web", limit_bytes=5).read() == "one\nt"
    assert pods.logs("web", since_seconds=3600).read() == "one\ntwo\nthree\n"
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    assert pods.logs("web", since_time=later).read() == ""
    (stamped, *_) = pods.logs("web", timestamps=True)
    assert stamped.endswith("Z one")
    assert datetime.datetime.fromisoformat(stamped[:19]).year >= 2026


def test_the_log_before_the_last_restart(pods: Resource, containers: Containers) -> None:
    """`previous` is a log of its own; without one the server says so."""
    with pytest.raises(BadRequest, match='previous terminated container "main" in pod "web" not found'):
        pods.logs("web", previous=True).read()
    containers.set_log("default", "web", "before\n", previous=True)
    assert pods.logs("web", previous=True).read() == "before\n"


def test_a_followed_log_goes_on(pods: Resource, containers: Containers) -> None:
    """What comes later is yielded when it comes, until the container ends."""
    containers.append_log("default", "web", "one\n")
    log = pods.logs("web", follow=True)
    assert next(log) == "one"
    containers.append_log("default", "web", "two\nth")
    assert next(log) == "two"
    containers.append_log("default", "web", "ree\n")
    assert next(log) == "three"
    containers.end_log("default", "web")
    assert list(log) == []
    assert log.ended == "the server ended the log"


def test_a_followed_log_can_begin_with_its_last_lines(pods: Resource, containers: Containers) -> None:
    """tail_lines is about what is there; everything that follows comes."""
    containers.append_log("default", "web", "one\ntwo\n")
    with pods.logs("web", follow=True, tail_lines=1) as log:
        assert next(log) == "two"
        containers.append_log("default", "web", "three\nfour\n")
        assert [next(log), next(log)] == ["three", "four"]


def test_thousands_of_lines_arrive_in_order(pods: Resource, containers: Containers) -> None:
    """No line is lost or cut, however the pieces fall."""
    lines = [f"{number} {'x' * (number % 300)}" for number in range(20_000)]
    containers.set_log("default", "web", "".join(f"{line}\n" for line in lines))
    assert list(pods.logs("web", follow=True)) == lines


def close_from_another_thread(pods: Resource, containers: Containers, close: Callable[[Any], None]) -> list[str]:
    """Close a followed log while its reader waits, and return what the reader got."""
    containers.append_log("default", "web", "one\n")
    log = pods.logs("web", follow=True)
    assert next(log) == "one"
    closer = threading.Timer(0.05, close, [log])
    closer.start()
    rest = list(log)
    closer.join()
    assert log.ended == "closed by the caller"
    return rest


def test_closing_ends_a_blocked_reader(pods: Resource, containers: Containers) -> None:
    """`close()` from another thread ends a loop that waits for the next line; no exception."""
    assert close_from_another_thread(pods, containers, lambda log: log.close()) == []


def test_a_cancellation_of_the_view_ends_its_logs(pods: Resource, containers: Containers) -> None:
    """A log of a cancellable view ends with the others of its requests."""
    cancellation = Cancellation()
    view = pods.cancellable(cancellation)
    assert close_from_another_thread(view, containers, lambda _: cancellation.cancel()) == []


def test_closing_before_the_answer(serve: Callable[..., Server]) -> None:
    """A server that answers a followed log with its first byte, as some do, does not keep a reader."""
    asked = threading.Event()

    def silent(peer: Peer, request: Received) -> None:
        asked.set()
        peer.wait_closed()

    with at(serve(silent)) as dyn:
        log = dyn.resource(PODS).namespace("default").logs("web", follow=True)

        def close() -> None:
            asked.wait(10)
            log.close()

        closer = threading.Thread(target=close)
        closer.start()
        assert list(log) == []
        closer.join()


def test_a_log_that_was_closed_asks_nothing(pods: Resource, server: APIServer) -> None:
    """Closed before it is read, a log is empty and nothing is sent."""
    log = pods.logs("web")
    server.clear_requests()
    log.close()
    assert list(log) == []
    assert server.requests == []


def test_closing_the_client_is_an_error(dyn: DynamicClient, pods: Resource, containers: Containers) -> None:
    """A followed log whose client is closed raises ClientClosedError: it did not come to its end."""
    containers.append_log("default", "web", "one\n")
    log = pods.logs("web", follow=True)
    assert next(log) == "one"
    dyn.close()
    with pytest.raises(ClientClosedError):
        next(log)
    assert log.ended is None


def test_a_server_that_goes_away_is_an_error(serve: Callable[..., Server]) -> None:
    """A connection that breaks in the middle raises; what came before was handed out."""

    def half(peer: Peer, request: Received) -> None:
        peer.send(CHUNKED + chunk(b"one\ntw"))
        peer.close()

    with at(serve(half)) as dyn:
        log = dyn.resource(PODS).namespace("default").logs("web", follow=True)
        assert next(log) == "one"
        with pytest.raises(ResponseError, match="cut short"):
            next(log)
        assert log.ended is None


def test_silence_may_have_an_end(serve: Callable[..., Server]) -> None:
    """With `timeout` a followed log that says nothing for so long raises."""

    def one(peer: Peer, request: Received) -> None:
        peer.send(CHUNKED + chunk(b"one\n"))
        peer.wait_closed()

    with at(serve(one)) as dyn:
        log = dyn.resource(PODS).namespace("default").logs("web", follow=True, timeout=0.05)
        assert next(log) == "one"
        with pytest.raises(RequestTimeoutError, match="silent"):
            next(log)


def test_refusals_are_the_usual_exceptions(pods: Resource, server: APIServer) -> None:
    """A missing pod, a wrong container, several of them, and one that has not started."""
    server.load([pod("two", "a", "b"), pod("new")])
    with pytest.raises(NotFound, match="absent"):
        pods.logs("absent").read()
    with pytest.raises(BadRequest, match=r"choose one of: \[a b\]"):
        pods.logs("two").read()
    with pytest.raises(BadRequest, match="container c is not valid for pod two"):
        pods.logs("two", container="c").read()
    with pytest.raises(BadRequest, match="waiting to start: ContainerCreating"):
        pods.logs("new").read()


def test_who_may_not_read_logs_is_told(server: APIServer) -> None:
    """403 is Forbidden."""
    with server.client(impersonate=Impersonation(user="nobody")) as dyn, pytest.raises(Forbidden):
        dyn.resource("v1", "pods").namespace("default").logs("web").read()


def test_a_pod_without_a_node_has_an_empty_log(pods: Resource, server: APIServer) -> None:
    """The server answers 204: there is nobody to ask yet, and that is how it ends."""
    server.load([pod("free", node="")])
    log = pods.logs("free", follow=True)
    assert list(log) == []
    assert log.ended == "the pod runs nowhere yet"


@pytest.mark.parametrize(
    "options",
    [
        {"tail_lines": -1},
        {"tail_lines": True},
        {"since_seconds": 0},
        {"limit_bytes": 0},
        {"since_seconds": 1, "since_time": "2026-01-31T12:00:00Z"},
        {"since_time": datetime.datetime(2026, 1, 31)},
        {"since_time": ""},
        {"container": ""},
        {"timeout": 0},
    ],
)
def test_options_that_cannot_be_right_are_refused(pods: Resource, server: APIServer, options: dict[str, Any]) -> None:
    """Nothing is sent for them."""
    pods.endpoint()
    server.clear_requests()
    with pytest.raises(InvalidRequestError):
        pods.logs("web", **options)
    assert server.requests == []


def test_names_that_cannot_be_right_are_refused(pods: Resource) -> None:
    """A name that would leave its place in the path is refused by the call itself."""
    with pytest.raises(InvalidNameError):
        pods.logs("../../secrets/x")


def test_only_what_has_a_log_has_one(dyn: DynamicClient) -> None:
    """The error names the subresources there are."""
    with pytest.raises(UnsupportedVerbError, match=r"deployments .* has no subresource 'log'"):
        dyn.resource("deploy").logs("web")


def test_a_misspelt_option_is_named() -> None:
    """As of every verb."""
    with (
        DynamicClient(Config(host="https://a.example")) as dyn,
        pytest.raises(TypeError, match="Did you mean 'tail_lines'"),
    ):
        dyn.resource(PODS).logs("web", tail_line=1)  # type: ignore[call-arg]


def test_a_log_is_read_once(pods: Resource, containers: Containers) -> None:
    """A second iteration is refused and says what to do."""
    containers.set_log("default", "web", "one\n")
    log = pods.logs("web")
    assert log.read() == "one\n"
    with pytest.raises(InvalidRequestError, match="once"):
        log.read()


def test_leaving_the_loop_gives_the_connection_back(dyn: DynamicClient, pods: Resource, containers: Containers) -> None:
    """A `with` block that ends early leaves no connection open."""
    containers.append_log("default", "web", "one\ntwo\n")
    with pods.logs("web", follow=True) as log:
        for _ in log:
            break
    assert log.ended == "closed by the caller"


def test_a_running_pod_of_which_nothing_was_said_has_an_empty_log(pods: Resource) -> None:
    """That is the embedded server's default."""
    assert pods.logs("web").read() == ""


def test_a_deleted_pod_ends_its_log(pods: Resource, containers: Containers) -> None:
    """Who follows comes to the end when the pod is gone."""
    containers.append_log("default", "web", "one\n")
    log = pods.logs("web", follow=True)
    assert next(log) == "one"
    pods.delete("web", grace_period_seconds=0)
    assert list(log) == []


def test_a_log_is_no_object(pods: Resource, server: APIServer) -> None:
    """`get` of the subresource is for objects: it says which call is for logs, and does not ask the server for one."""
    with pytest.raises(InvalidRequestError, match=r"a log is text and no object: call logs\('web'\)"):
        pods.subresource("log").get("web")
    assert not any(request.path.endswith("/log") for request in server.requests)
