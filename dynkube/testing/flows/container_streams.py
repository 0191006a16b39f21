"""pods/exec and attach: a WebSocket between the client and what a test says runs in the container."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

from dynkube.errors import ResponseError, TransportError
from dynkube.stream import channels
from dynkube.stream.frames import BINARY
from dynkube.stream.handshake import accept_value
from dynkube.stream.websocket import WebSocket
from dynkube.testing.container_process import ContainerProcess, InputStream, NotRunnableError, ProcessGoneError, Writer
from dynkube.testing.flows import containers
from dynkube.testing.http import failures
from dynkube.testing.http.connections import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Resource, Subresource

logger = logging.getLogger("dynkube.testing.containers")

#: Both are spoken: kubectl offers v5 alone, older clients v4.
_PROTOCOLS = (channels.V5, channels.V4)


def exec_(call: Call, resource: Resource, _sub: Subresource) -> HTTPResponse:
    """Answer a request to run a command: the stream, or why there is none."""
    command = call.route.query.all("command")
    container = containers.reached(call, resource)
    if not command:
        raise failures.bad_request("you must specify a command for the exec")
    program = call.cluster.containers.program((*call.key, container), command)
    return _stream(call, container, command, program)


def attach(call: Call, resource: Resource, _sub: Subresource) -> HTTPResponse:
    """Answer a request to attach to the container's own process."""
    container = containers.reached(call, resource)
    main = call.cluster.containers.main((*call.key, container))
    return _stream(call, container, (), main)


def upgrade(call: Call, protocols: Sequence[str], talk: Callable[[WebSocket, str], None]) -> HTTPResponse:
    """Return the answer that agrees to a WebSocket and lets `talk` have it. Raises the 400 Failure without one."""
    wanted = call.header("upgrade").lower() == "websocket" and "upgrade" in call.header("connection").lower()
    key = call.header("sec-websocket-key")
    if not wanted or not key or call.header("sec-websocket-version") != "13":
        raise failures.bad_request("Upgrade request required")
    offered = [one.strip() for value in call.request.headers.all("sec-websocket-protocol") for one in value.split(",")]
    chosen = next((one for one in protocols if one in offered), None)
    if chosen is None:
        raise failures.Failure("", f"unable to upgrade: none of {offered} is spoken here", code=403)

    def run(sock: socket.socket, early: bytes) -> None:
        websocket = WebSocket(
            sock,
            early,
            client=False,
            hang_up=lambda: socket.socket.shutdown(sock, socket.SHUT_WR),
            release=lambda: None,
            failure=lambda error: ResponseError(f"the client is gone: {error}"),
        )
        try:
            talk(websocket, chosen)
        finally:
            websocket.close()

    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_value(key),
        "Sec-WebSocket-Protocol": chosen,
    }
    return HTTPResponse(101, headers, upgrade=run)


def _stream(
    call: Call, container: str, command: Sequence[str], program: Callable[[ContainerProcess], int | None]
) -> HTTPResponse:
    query = call.route.query
    if not any(query.flag(name) for name in ("stdin", "stdout", "stderr")):
        raise failures.bad_request("you must specify at least 1 of stdin, stdout, stderr")

    def talk(websocket: WebSocket, _protocol: str) -> None:
        stdin = InputStream()
        if not query.flag("stdin"):
            stdin.end()
        tty = query.flag("tty")
        process = ContainerProcess(
            args=list(command),
            namespace=call.key[0],
            pod=call.route.name,
            container=container,
            tty=tty,
            stdin=io.BufferedReader(stdin, 1 << 16),
            stdout=Writer(websocket, channels.STDOUT, wanted=query.flag("stdout")),
            stderr=Writer(websocket, channels.STDOUT if tty else channels.STDERR, wanted=query.flag("stderr") or tty),
        )
        name = f"dynkube-container-{call.route.name}"
        runner = threading.Thread(target=_run, args=(program, process, websocket), name=name, daemon=True)
        runner.start()
        _listen(websocket, process, stdin)
        runner.join()

    return upgrade(call, _PROTOCOLS, talk)


def _run(program: Callable[[ContainerProcess], int | None], process: ContainerProcess, websocket: WebSocket) -> None:
    """Run the function and say how it ended."""
    try:
        status: dict[str, Any] = channels.exit_status(int(program(process) or 0))
    except ProcessGoneError:
        return
    except NotRunnableError as error:
        status = failures.internal(f"error executing command in container: {error}").status
    except Exception as error:
        logger.exception("the function for %s failed", process.args)
        status = failures.internal(f"{type(error).__name__}: {error}").status
    try:
        websocket.send(bytes((channels.ERROR,)) + json.dumps(status, separators=(",", ":")).encode())
    except TransportError as error:
        logger.debug("the client of %s did not wait for its end: %s", process.args, error)
    websocket.say_goodbye()


def _listen(websocket: WebSocket, process: ContainerProcess, stdin: InputStream) -> None:
    """Hand what the client sends to the process until one of them ends."""
    try:
        while (message := websocket.receive()) is not None:
            if message.kind != BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == channels.STDIN:
                stdin.feed(data)
            elif channel == channels.CLOSE and data == bytes((channels.STDIN,)):
                stdin.end()
            elif channel == channels.RESIZE:
                size = json.loads(data)
                process.size = (int(size["Width"]), int(size["Height"]))
                process.resized.set()
    except (TransportError, ValueError, KeyError, TypeError) as error:
        logger.debug("the stream of %s ended: %s", process.args, error)
    finally:
        process.gone.set()
        stdin.end()
