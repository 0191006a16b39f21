"""Ports of a pod on loopback: each connection made there is one to the pod."""

from __future__ import annotations

import contextlib
import logging
import re
import selectors
import socket
import threading
from typing import TYPE_CHECKING, NamedTuple

from dynkube.errors import ClientClosedError, ConnectFailedError, DynkubeError, InvalidRequestError
from dynkube.stream.tunnel import Joint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.stream.tunnel import Tunnel

_log = logging.getLogger("dynkube.stream")

_SPEC = re.compile(r"(?:(\d*):)?(\d+)")


class Port(NamedTuple):
    """A port of a pod and the local one that leads to it; 0: any free one."""

    local: int
    remote: int

    @classmethod
    def parse(cls, spec: int | str) -> Port:
        """Return what kubectl takes `spec` for: 8080, "8888:8080", ":8080" (any free local port)."""
        found = None if isinstance(spec, bool) else _SPEC.fullmatch(str(spec))
        if found is None:
            raise InvalidRequestError(f'a port is a number, or text as in "8888:8080" or ":8080", not {spec!r}')
        local, remote = found[1], int(found[2])
        port = cls(remote if local is None else int(local or 0), remote)
        if not 0 < port.remote < 1 << 16 or not port.local < 1 << 16:
            raise InvalidRequestError(f"a port lies between 1 and 65535, unlike one of {spec!r}")
        return port


def parse_ports(ports: int | str | Sequence[int | str]) -> list[Port]:
    """Return the ports that are meant. Raises InvalidRequestError for none, and for one that is said twice."""
    parsed = [Port.parse(spec) for spec in ([ports] if isinstance(ports, int | str) else ports)]
    if not parsed:
        raise InvalidRequestError("which port? For example 8080")
    if len({port.remote for port in parsed}) < len(parsed):
        raise InvalidRequestError(f"a port of the pod is named twice in {ports!r}")
    return parsed


class PortForward:
    """Local ports that lead to ports of a pod, until it is closed; a context manager.

    Each connection made to one is a connection of its own through the API server. One that cannot be made, because
    nothing listens in the pod for instance, is closed, and `on_error` is called with the exception, from a thread;
    without it that is a warning in the log `dynkube.stream`.
    """

    def __init__(
        self,
        open_tunnel: Callable[[int], Tunnel],
        ports: Sequence[Port],
        *,
        address: str = "127.0.0.1",
        listen: bool = True,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._open_tunnel = open_tunnel
        self._on_error = on_error or _warn
        self._lock = threading.Lock()
        self._joints: dict[threading.Thread, Joint | None] = {}
        self._closed = False
        self._remotes = [port.remote for port in ports]
        self._listeners: dict[socket.socket, int] = {}
        # Not a pipe: on Windows a selector knows sockets alone.
        self._awake, self._wake = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="dynkube-forward", daemon=True)
        try:
            for port in ports if listen else ():
                self._listeners[_listener(address, port.local)] = port.remote
        except BaseException:
            self.close()
            raise
        #: The local address of each port of the pod, as (host, port); empty without listeners.
        self.addresses: dict[int, tuple[str, int]] = {
            remote: (address, listener.getsockname()[1]) for listener, remote in self._listeners.items()
        }
        if self._listeners:
            self._acceptor.start()

    @property
    def local_ports(self) -> dict[int, int]:
        """The local port of each port of the pod."""
        return {remote: local for remote, (_, local) in self.addresses.items()}

    def connect(self, port: int | None = None) -> socket.socket:
        """Return a socket that is connected to a port of the pod; no local port is involved. Close it when done.

        `port` may be left out where there is one. Raises what opening a stream raises; that nothing listens in the pod
        shows when the socket ends at once, and by `on_error`.
        """
        if port is None and len(self._remotes) == 1:
            port = self._remotes[0]
        if port not in self._remotes:
            raise InvalidRequestError(f"port {port} was not named: {', '.join(map(str, self._remotes))}")
        if self._closed:
            raise ConnectFailedError("this port-forward is closed")
        tunnel = self._open_tunnel(port)
        ours, theirs = socket.socketpair()
        joint = Joint(ours, tunnel, self._on_error)
        thread = threading.Thread(target=self._run, args=(joint,), name=f"dynkube-forward-{port}", daemon=True)
        self._start(thread, joint)
        return theirs

    def close(self) -> None:
        """Close the local ports and every connection, from any thread, and wait for the threads. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            joints = dict(self._joints)
        self._wake.close()
        if self._acceptor.ident is not None and self._acceptor is not threading.current_thread():
            self._acceptor.join(5.0)
        for listener in self._listeners:
            listener.close()
        self._awake.close()
        for joint in joints.values():
            if joint is not None:
                joint.close()
        for thread in joints:
            if thread is not threading.current_thread():
                thread.join(5.0)

    def wait(self, timeout: float | None = None) -> None:
        """Block until it is closed, at most `timeout` seconds."""
        self._acceptor.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        ways = ", ".join(f"{host}:{local} -> {remote}" for remote, (host, local) in self.addresses.items())
        return f"<{type(self).__name__} {ways or self._remotes}{' closed' if self._closed else ''}>"

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._awake, selectors.EVENT_READ)
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._awake:
                        return
                    assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - for the type checker
                    with contextlib.suppress(OSError):
                        local, _ = key.fileobj.accept()
                        self._forward(local, self._listeners[key.fileobj])

    def _forward(self, local: socket.socket, remote: int) -> None:
        """Begin a connection: opening its stream may take a while, and the next must not wait for that."""
        local.setblocking(True)
        thread = threading.Thread(
            target=self._open, args=(local, remote), name=f"dynkube-forward-{remote}", daemon=True
        )
        self._start(thread, None)

    def _open(self, local: socket.socket, remote: int) -> None:
        try:
            tunnel = self._open_tunnel(remote)
        except DynkubeError as error:
            local.close()
            with self._lock:
                self._joints.pop(threading.current_thread(), None)
            if not isinstance(error, ClientClosedError):
                self._on_error(error)
            return
        joint = Joint(local, tunnel, self._on_error)
        with self._lock:
            self._joints[threading.current_thread()] = joint
            closed = self._closed
        if closed:
            joint.close()
        self._run(joint)

    def _run(self, joint: Joint) -> None:
        try:
            joint.run()
        finally:
            with self._lock:
                self._joints.pop(threading.current_thread(), None)

    def _start(self, thread: threading.Thread, joint: Joint | None) -> None:
        with self._lock:
            self._joints[thread] = joint
        thread.start()


def _listener(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family)
    except OSError as error:
        raise ConnectFailedError(f"cannot listen on {address}:{port}: {error.strerror or error}") from error
    listener.setblocking(False)
    return listener


def _warn(error: Exception) -> None:
    _log.warning("%s", error)
