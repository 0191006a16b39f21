"""Commands in containers: their result, their streams, and everything that can come between."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from transport.certificates import Authority
from transport.servers import Proxy, answer

from dynkube.config import Impersonation
from dynkube.errors import (
    BadRequest,
    ClientClosedError,
    CommandFailedError,
    ConnectFailedError,
    Forbidden,
    InternalError,
    InvalidNameError,
    InvalidRequestError,
    NotFound,
    RequestTimeoutError,
    ResponseError,
)
from dynkube.stream import ExecResult, Output, frames
from dynkube.stream.channels import CLOSE, ERROR, STDERR, STDIN, STDOUT, V4, V5, exit_status
from dynkube.stream.frames import BINARY, Control, Message, encode_frame
from dynkube.testing import APIServer
from dynkube.transport import Cancellation
from stream.conftest import NODE, pod, running
from stream.peers import Talk, channel_frame, pods_of, talking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transport.servers import Server

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.testing.container_process import ContainerProcess
    from dynkube.testing.containers import Containers


class TestResult:
    def test_output_and_exit_code(self, pods: Resource, containers: Containers) -> None:
        """Stdout, stderr and the code, each apart; a code other than 0 is a result."""

        def both(process: ContainerProcess) -> int:
            process.stdout.write("out\n")
            process.stderr.write(b"err \xff\n")
            return 3

        containers.set_command("both", both)
        assert pods.exec("web", ["both"]) == ExecResult(3, b"out\n", b"err \xff\n")
        assert pods.exec("web", ["echo", "a b", "", "c"]) == ExecResult(0, b"a b  c\n", b"")
        assert pods.exec("web", ["hostname"]).text == "web\n"

    def test_a_code_can_be_an_error(self, pods: Resource, containers: Containers) -> None:
        """With check, or by check() of the result: CommandFailedError has code, output and the last line of stderr."""

        def failing(process: ContainerProcess) -> int:
            process.stdout.write("some")
            process.stderr.write("first\nno such thing\n")
            return 2

        containers.set_command("failing", failing)
        with pytest.raises(CommandFailedError, match="exit code 2: no such thing") as caught:
            pods.exec("web", ["failing"], check=True)
        assert (caught.value.exit_code, caught.value.stdout) == (2, b"some")
        assert caught.value.stderr == b"first\nno such thing\n"
        assert pods.exec("web", ["true"], check=True).exit_code == 0

    def test_a_command_that_cannot_be_run(self, pods: Resource) -> None:
        """What the container runtime says is a StatusError, not an exit code."""
        with pytest.raises(InternalError, match="executable file not found"):
            pods.exec("web", ["no-such-program"])

    def test_on_a_terminal_all_output_is_one(self, pods: Resource, containers: Containers) -> None:
        """With tty the server has no stderr of its own."""

        def both(process: ContainerProcess) -> None:
            assert process.tty
            process.stdout.write("out ")
            process.stderr.write("err")

        containers.set_command("both", both)
        assert pods.exec("web", ["both"], tty=True) == ExecResult(0, b"out err", b"")

    def test_much_output_is_complete(self, pods: Resource, containers: Containers) -> None:
        """Many thousand writes arrive in order."""
        lines = [f"{number}\n".encode() for number in range(5_000)]

        def chatty(process: ContainerProcess) -> None:
            for line in lines:
                process.stdout.write(line)

        containers.set_command("chatty", chatty)
        assert pods.exec("web", ["chatty"]).stdout == b"".join(lines)


class TestInput:
    def test_bytes_larger_than_a_frame(self, pods: Resource) -> None:
        """Megabytes go in while as many come out: neither side waits for the other for ever."""
        data = bytes(range(256)) * 20_000
        assert pods.exec("web", ["cat"], stdin=data).stdout == data

    def test_a_file(self, pods: Resource, tmp_path: Path) -> None:
        """A binary file is sent to its end; so is anything with read()."""
        path = tmp_path / "data"
        path.write_bytes(b"abc" * 50_000)
        with path.open("rb") as file:
            assert pods.exec("web", ["cat"], stdin=file).stdout == path.read_bytes()
        assert pods.exec("web", ["cat"], stdin=io.BytesIO(b"x")).stdout == b"x"

    def test_no_bytes_are_an_end(self, pods: Resource) -> None:
        """An empty input ends at once; without one there is none to read."""
        assert pods.exec("web", ["cat"], stdin=b"").stdout == b""
        assert pods.exec("web", ["cat"]).stdout == b""

    def test_a_command_that_does_not_read_all(self, pods: Resource, containers: Containers) -> None:
        """Its end is its end: what is left of the input is dropped."""

        def head(process: ContainerProcess) -> None:
            process.stdout.write(process.stdin.read(5))

        containers.set_command("head", head)
        assert pods.exec("web", ["head"], stdin=b"12345" * 500_000).stdout == b"12345"

    def test_a_file_that_fails(self, pods: Resource) -> None:
        """What reading it raises is raised."""

        class Broken(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise OSError("no such disk")

        with pytest.raises(OSError, match="no such disk"):
            pods.exec("web", ["cat"], stdin=Broken())  # type: ignore[arg-type]


class TestProcess:
    def test_a_conversation(self, pods: Resource) -> None:
        """Write, read, write, end the input, read to the end, exit code."""
        with pods.open_exec("web", ["cat"]) as process:
            assert process.protocol == V5
            process.write(b"one")
            assert process.read(10) == Output("stdout", b"one")
            process.write(b"two")
            assert process.read(10) == Output("stdout", b"two")
            assert process.exit_code is None
            process.close_stdin()
            assert process.read(10) is None
            assert process.exit_code == 0
            assert process.read(10) is None

    def test_the_size_of_a_terminal(self, pods: Resource, containers: Containers) -> None:
        """Each resize reaches the process."""

        def sizes(process: ContainerProcess) -> None:
            for _ in range(2):
                assert process.resized.wait(10)
                process.resized.clear()
                process.stdout.write(f"{process.size}")

        containers.set_command("sizes", sizes)
        with pods.open_exec("web", ["sizes"], tty=True) as process:
            process.resize(80, 24)
            assert process.read(10) == Output("stdout", b"(80, 24)")
            process.resize(132, 50)
            assert process.read(10) == Output("stdout", b"(132, 50)")
            assert process.wait(10) == 0

    def test_reading_can_be_limited(self, pods: Resource, containers: Containers) -> None:
        """read(timeout) gives up in time, and the process can still be spoken with."""
        with pods.open_exec("web", ["cat"]) as process:
            with pytest.raises(RequestTimeoutError):
                process.read(0.05)
            process.write(b"still there")
            assert process.read(10) == Output("stdout", b"still there")

    def test_closing_from_another_thread(self, pods: Resource) -> None:
        """A blocked reader sees the end, without an exit code and without an exception."""
        with pods.open_exec("web", ["cat"]) as process:
            closer = threading.Timer(0.05, process.close)
            closer.start()
            assert list(process) == []
            closer.join()
            assert process.exit_code is None
            with pytest.raises(ConnectFailedError, match="closed"):
                process.wait()
            with pytest.raises(ConnectFailedError, match="closed"):
                process.write(b"x")

    def test_the_process_learns_that_nobody_listens(self, pods: Resource, containers: Containers) -> None:
        """Closing tells the server at once."""
        gone = threading.Event()

        def waits(process: ContainerProcess) -> None:
            if process.gone.wait(10):
                gone.set()

        containers.set_command("waits", waits)
        pods.open_exec("web", ["waits"]).close()
        assert gone.wait(10)

    def test_a_time_limit(self, pods: Resource, containers: Containers) -> None:
        """The whole of exec is limited by timeout; the error says that the command may still run."""
        containers.set_command("waits", lambda process: process.gone.wait(10) and 0)
        with pytest.raises(RequestTimeoutError, match="did not end in time; it may still run"):
            pods.exec("web", ["waits"], timeout=0.1)

    def test_a_cancellation_of_the_view(self, pods: Resource) -> None:
        """It closes the processes of the view with the rest of its requests."""
        cancellation = Cancellation()
        with pods.cancellable(cancellation).open_exec("web", ["cat"]) as process:
            closer = threading.Timer(0.05, cancellation.cancel)
            closer.start()
            assert process.read(10) is None
            closer.join()

    def test_closing_the_client(self, dyn: DynamicClient, pods: Resource) -> None:
        """A reader raises ClientClosedError, and so does the next exec; no connection is left."""
        process = pods.open_exec("web", ["cat"])
        dyn.close()
        with pytest.raises(ClientClosedError):
            process.read(10)

    def test_many_at_once(self, pods: Resource) -> None:
        """One client runs many commands at a time, each with its own connection."""
        data = [bytes([number]) * 100_000 for number in range(12)]
        with ThreadPoolExecutor(12) as pool:
            results = list(pool.map(lambda each: pods.exec("web", ["cat"], stdin=each).stdout, data))
        assert results == data

    def test_connections_are_given_back(self, dyn: DynamicClient, pods: Resource) -> None:
        """After a command nothing of it is open."""
        pods.exec("web", ["true"])
        assert dyn.rest.transport.open_connections <= 1  # type: ignore[attr-defined]  # the idle one of the discovery

    def test_attaching(self, pods: Resource, containers: Containers) -> None:
        """Attach is the container's own process: what it writes from now on, and its end."""
        containers.append_log("default", "web", "before\n")
        with pods.attach("web") as process:
            containers.append_log("default", "web", "after\n")
            assert process.read(10) == Output("stdout", b"after\n")
            containers.end_log("default", "web")
            assert process.wait(10) == 0

    def test_attaching_with_an_input(self, pods: Resource, containers: Containers) -> None:
        """What a test says is the main process gets what is typed."""
        containers.set_main(lambda process: process.stdout.write(process.stdin.read().upper()), pod="web")
        with pods.attach("web", stdin=True) as process:
            process.write(b"hello")
            process.close_stdin()
            assert list(process) == [Output("stdout", b"HELLO")]


class TestRefusals:
    def test_refusals_are_the_usual_exceptions(self, pods: Resource, server: APIServer) -> None:
        """They come before the upgrade, with a Status."""
        server.load([pod("two", "a", "b"), pod("free", node=""), pod("lost", node="nowhere"), pod("new")])
        with pytest.raises(NotFound, match='pods "absent" not found'):
            pods.exec("absent", ["true"])
        with pytest.raises(BadRequest, match=r"choose one of: \[a b\]"):
            pods.exec("two", ["true"])
        with pytest.raises(BadRequest, match="container c is not valid for pod web"):
            pods.exec("web", ["true"], container="c")
        with pytest.raises(BadRequest, match="pod free does not have a host assigned"):
            pods.exec("free", ["true"])
        with pytest.raises(NotFound, match='pods "nowhere" not found'):
            pods.exec("lost", ["true"])
        with pytest.raises(InternalError, match="container not found"):
            pods.exec("new", ["true"])

    def test_who_may_not(self, server: APIServer) -> None:
        """403 is Forbidden."""
        with server.client(impersonate=Impersonation(user="nobody")) as dyn, pytest.raises(Forbidden):
            dyn.resource("v1", "pods").namespace("default").exec("web", ["true"])

    @pytest.mark.parametrize("command", ["ls -l", [], [""], ["a", 1], None, b"ls"])
    def test_what_is_no_command(self, pods: Resource, command: Any) -> None:
        """A text would have to be cut by somebody: the error says what to write."""
        with pytest.raises(InvalidRequestError, match="list of words"):
            pods.exec("web", command)

    def test_names(self, pods: Resource) -> None:
        """A name that would leave its place in the path is refused."""
        with pytest.raises(InvalidNameError):
            pods.exec("../x", ["true"])

    @pytest.mark.parametrize("timeout", [0, -1, float("nan")])
    def test_time_limits(self, pods: Resource, timeout: float) -> None:
        """A limit is a positive number of seconds."""
        with pytest.raises(InvalidRequestError):
            pods.exec("web", ["true"], timeout=timeout)

    def test_words_cannot_leave_the_query(self, serve: Callable[..., Server]) -> None:
        """Line breaks, & and # in a word arrive as that word."""
        server = serve(answer({"kind": "Status", "status": "Failure", "code": 400}, 400))
        dyn, pods = pods_of(server)
        with dyn, pytest.raises(BadRequest):
            pods.exec("web", ["a\r\nX-Evil: 1", "b&stdin=true#c d"])
        (request,) = server.received
        assert request.target == (
            "/api/v1/namespaces/default/pods/web/exec?"
            "command=a%0D%0AX-Evil%3A+1&command=b%26stdin%3Dtrue%23c+d&stderr=true&stdout=true"
        )


class TestWire:
    """What a server may do, frame by frame."""

    def run(self, serve: Callable[..., Server], talk: Callable[[Talk], None], **options: Any) -> ExecResult:
        """Run a command on a server that behaves as `talk` does."""
        dyn, pods = pods_of(talking(serve, talk))
        with dyn:
            return pods.exec("web", ["x"], **options)

    def test_the_request(self, serve: Callable[..., Server]) -> None:
        """An upgrade with both protocols, the client's own headers, and nothing that could be read as a body."""

        def talk(talk: Talk) -> None:
            talk.agree()
            talk.finish()

        server = talking(serve, talk)
        dyn, pods = pods_of(server, user_agent="me/1", bearer_token="t", impersonate=Impersonation(user="jane"))
        with dyn:
            pods.exec("web", ["ls", "-l"], container="main", tty=True, stdin=b"")
        (request,) = server.received
        assert request.method == "GET"
        assert request.target == (
            "/api/v1/namespaces/default/pods/web/exec?command=ls&command=-l&container=main&stdin=true&stdout=true&tty=true"
        )
        assert request.header("Connection") == "Upgrade"
        assert request.header("Upgrade") == "websocket"
        assert request.header("Sec-WebSocket-Version") == "13"
        assert request.header("Sec-WebSocket-Protocol") == "v5.channel.k8s.io, v4.channel.k8s.io"
        assert request.header("Authorization") == "Bearer t"
        assert request.header("User-Agent") == "me/1"
        assert request.header("Impersonate-User") == "jane"
        assert request.header("Content-Length") is None

    def test_frames_right_behind_the_answer(self, serve: Callable[..., Server]) -> None:
        """What comes in the same packet as the 101 is not lost."""

        def talk(talk: Talk) -> None:
            talk.agree(early=channel_frame(STDOUT, b"early"))
            talk.finish()

        assert self.run(serve, talk).stdout == b"early"

    def test_fragments_pings_and_halves(self, serve: Callable[..., Server]) -> None:
        """A message in fragments, a ping between them, bytes one by one: the output is whole, the ping answered."""
        pongs: list[Message | Control | frames.Close] = []

        def talk(talk: Talk) -> None:
            talk.agree()
            wire = encode_frame(BINARY, bytes((STDOUT,)) + b"o", final=False)
            wire += encode_frame(frames.PING, b"are you there")
            wire += encode_frame(frames.CONTINUATION, b"ut", final=True) + channel_frame(STDERR, b"err")
            for octet in wire:
                talk.peer.send(bytes((octet,)))
            pongs.append(next(talk.received()))
            talk.finish()

        assert self.run(serve, talk) == ExecResult(0, b"out", b"err")
        assert pongs == [Control(frames.PONG, b"are you there")]

    def test_empty_unknown_and_text_messages_are_nothing(self, serve: Callable[..., Server]) -> None:
        """Servers open each channel with an empty message; others are not ours to judge."""

        def talk(talk: Talk) -> None:
            talk.agree()
            for channel in (STDIN, STDOUT, STDERR, ERROR, 77):
                talk.send(channel, b"")
            talk.send(77, b"?")
            talk.peer.send(encode_frame(frames.TEXT, b"text") + encode_frame(BINARY, b""))
            talk.finish()

        assert self.run(serve, talk) == ExecResult(0, b"", b"")

    def test_the_exit_code_of_an_older_server(self, serve: Callable[..., Server]) -> None:
        """v4 is spoken where v5 is not: the same, but that the input cannot be ended, which is said."""

        def talk(talk: Talk) -> None:
            talk.agree(V4)
            talk.finish(exit_status(42))

        assert self.run(serve, talk).exit_code == 42
        with pytest.raises(InvalidRequestError, match=r"v4\.channel\.k8s\.io, in which standard input cannot be ended"):
            self.run(serve, talk, stdin=b"x")

    def test_the_end_of_the_input_is_a_signal(self, serve: Callable[..., Server]) -> None:
        """v5: the input in masked frames of channel 0, then 255 with the number of the channel."""
        got: list[Message | Control | frames.Close] = []

        def talk(talk: Talk) -> None:
            talk.agree()
            for one in talk.received():
                got.append(one)
                if isinstance(one, Message) and one.data[0] == CLOSE:
                    break
            talk.finish()

        self.run(serve, talk, stdin=b"z" * 40_000)
        assert [one.data[:1] + bytes([len(one.data) > 1]) for one in got if isinstance(one, Message)] == [
            bytes((STDIN, 1)),
            bytes((STDIN, 1)),
            bytes((CLOSE, 1)),
        ]
        assert got[-1] == Message(BINARY, bytes((CLOSE, STDIN)))

    def test_a_server_that_says_nothing_of_the_end(self, serve: Callable[..., Server]) -> None:
        """A close in due form without a Status is an error: nobody knows how the command ended."""

        def talk(talk: Talk) -> None:
            talk.agree()
            talk.peer.send(frames.encode_close(1001, "shutting down"))
            talk.peer.wait_closed()

        with pytest.raises(ConnectFailedError, match=r"ended the stream \(1001: shutting down\) without saying how"):
            self.run(serve, talk)

    def test_a_server_that_goes_away(self, serve: Callable[..., Server]) -> None:
        """A connection that breaks is an error, with or without a frame half sent."""

        def talk(talk: Talk) -> None:
            talk.agree(early=channel_frame(STDOUT, b"whole") + b"\x82\x10half")

        with pytest.raises(ResponseError, match="cut short"):
            self.run(serve, talk)

    def test_a_status_and_then_no_goodbye(self, serve: Callable[..., Server]) -> None:
        """Once it is known how the command ended, a connection that just breaks does no harm."""

        def talk(talk: Talk) -> None:
            talk.agree(early=channel_frame(ERROR, json.dumps(exit_status(1)).encode()))

        assert self.run(serve, talk).exit_code == 1

    def test_nonsense_in_place_of_a_status(self, serve: Callable[..., Server]) -> None:
        """It is shown."""

        def talk(talk: Talk) -> None:
            talk.agree(early=channel_frame(ERROR, b"boom"))
            talk.peer.send(frames.encode_close(1000))
            talk.peer.wait_closed()

        with pytest.raises(ResponseError, match="the server says 'boom' of how the command ended"):
            self.run(serve, talk)

    def test_frames_that_are_none(self, serve: Callable[..., Server]) -> None:
        """A peer that breaks the protocol is told so, by a close frame with its code, and the caller too."""
        said: list[Message | Control | frames.Close] = []

        def talk(talk: Talk) -> None:
            talk.agree(early=b"\xf2\x00")
            said.extend(talk.received())
            ended.set()

        ended = threading.Event()
        with pytest.raises(ResponseError, match="reserved bits"):
            self.run(serve, talk)
        assert ended.wait(10)
        assert said == [frames.Close(frames.PROTOCOL_ERROR, "")]

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ((b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: x"), "does not fit the key"),
            ((b"Upgrade: websocket", b"Upgrade: SPDY/3.1"), "upgrades to 'SPDY/3.1'"),
            ((b"v5.channel", b"v9.channel"), "the server speaks 'v9.channel.k8s.io'"),
            ((b"101 Switching", b"200 OK Switching"), "answered 200 and not 101"),
        ],
    )
    def test_an_answer_that_is_no_upgrade(
        self, serve: Callable[..., Server], change: tuple[bytes, bytes], why: str
    ) -> None:
        """Each is told, and the connection is not used."""

        def talk(talk: Talk) -> None:
            send = talk.peer.send
            talk.peer.send = lambda data: send(data.replace(*change))  # type: ignore[method-assign]
            talk.agree()

        with pytest.raises(ResponseError, match=why):
            self.run(serve, talk)

    def test_a_command_is_never_sent_twice(self, serve: Callable[..., Server]) -> None:
        """A break before the answer is not retried, though the request is a GET; nor is a 503."""
        server = serve(lambda peer, request: peer.close())
        dyn, pods = pods_of(server)
        with dyn, pytest.raises(ConnectFailedError, match="not known whether"):
            pods.exec("web", ["x"])
        assert len(server.received) == 1

    def test_fresh_credentials_are_tried_once(self, serve: Callable[..., Server], tmp_path: Path) -> None:
        """A 401 with a token file that has changed is answered by the same request with the new token."""
        token = tmp_path / "token"
        token.write_text("old")

        def talk(talk: Talk) -> None:
            if talk.request.header("Authorization") == "Bearer new":
                talk.agree()
                talk.finish()
                return
            token.write_text("new")
            talk.peer.send(answer({"kind": "Status", "status": "Failure", "reason": "Unauthorized"}, 401))

        dyn, pods = pods_of(talking(serve, talk), bearer_token_file=str(token))
        with dyn:
            assert pods.exec("web", ["x"]).exit_code == 0

    def test_a_dead_peer_is_noticed(self, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that answers no ping is given up."""
        monkeypatch.setattr("dynkube.stream.websocket.PING_SECONDS", 0.02)
        monkeypatch.setattr("dynkube.stream.websocket.DEAD_SECONDS", 0.1)

        def talk(talk: Talk) -> None:
            talk.agree()
            talk.peer.wait_closed()

        with pytest.raises(RequestTimeoutError, match="answered no ping"):
            self.run(serve, talk)

    def test_a_slow_reader_holds_the_server_up(self, serve: Callable[..., Server]) -> None:
        """What nobody reads stays on the wire: the server has to wait, and nothing is lost."""
        total = 400
        sent = 0

        def talk(talk: Talk) -> None:
            nonlocal sent
            talk.agree()
            for _ in range(total):
                talk.send(STDOUT, bytes(60_000))
                sent += 1
            talk.finish()

        dyn, pods = pods_of(talking(serve, talk))
        with dyn, pods.open_exec("web", ["x"]) as process:
            assert process.read(10) is not None
            assert sent < total
            assert sum(len(output.data) for output in process) > (total - 2) * 60_000


@pytest.mark.parametrize("way", ["tls", "http proxy", "https proxy"])
def test_the_way_is_that_of_every_request(way: str, nothing_left: None, tmp_path: Path) -> None:
    """TLS with the cluster's CA, and the tunnel of a proxy before it, which may be TLS within TLS."""
    authority = Authority()
    with APIServer(tls=True) as server, server.client() as admin:
        server.load([NODE, pod("web")])
        admin.resource("v1", "pods").namespace("default").subresource("status").patch("web", running(pod("web")))
        context = authority.issue().server_context(tmp_path) if way == "https proxy" else None
        proxy = Proxy(context=context)
        options = {} if way == "tls" else {"proxy_url": proxy.url}
        try:
            with server.client(ca_data=(server.ca or b"") + authority.certificate, **options) as dyn:
                data = bytes(range(256)) * 4_000
                pods = dyn.resource("v1", "pods").namespace("default")
                assert pods.exec("web", ["cat"], stdin=data).stdout == data
        finally:
            proxy.close()
        assert bool(proxy.tunnels) == (way != "tls")
