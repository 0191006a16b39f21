"""The one way every request takes to the API server."""

from __future__ import annotations

import logging
import os
from time import monotonic
from typing import TYPE_CHECKING

from dynkube.config import UNSET, Timeout
from dynkube.errors import (
    ClientClosedError,
    ConfigError,
    ConnectFailedError,
    RequestTimeoutError,
    ResponseError,
    TLSError,
    TransportError,
)
from dynkube.transport.backoff import backoff_from
from dynkube.transport.cancellation import Cancellation
from dynkube.transport.credentials import static_credentials
from dynkube.transport.failures import (
    NETWORK_ERRORS,
    connect_failure,
    exchange_failure,
    is_hangup,
    is_passing,
    proxy_refusal,
)
from dynkube.transport.head import HeadWriter
from dynkube.transport.latch import Latch
from dynkube.transport.observation import RequestEvent, log_request, notify
from dynkube.transport.retry import READS, RetryPolicy
from dynkube.transport.route import Route
from dynkube.transport.server_warnings import LogOnce, handle_warnings
from dynkube.transport.throttle import Notice, TokenBucket
from dynkube.transport.wire import LiveResponse, exchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from dynkube.config import Config, TimeoutLike, Unset
    from dynkube.transport.backoff import Backoff
    from dynkube.transport.connections import Connection
    from dynkube.transport.credentials import Credentials, Grant
    from dynkube.transport.messages import HTTPRequest, HTTPResponse

_log = logging.getLogger("dynkube.transport")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What Go's server writes, in plain text, to a client that speaks HTTP on its TLS port.
_PLAIN_ON_TLS = b"Client sent an HTTP request to an HTTPS server"


class Transport:
    """Sends requests to one API server: connections, TLS, proxy, credentials, retries. Share it between all threads.

    Files of the configuration are read by the constructor, which raises ConfigError for what cannot be used; nothing
    is sent until the first request. After a fork each process makes connections of its own.

    `retry`, `backoff` and `hook` stand in for those of the configuration. `hook` is called with a RequestEvent after
    each request on the wire. `sleep` stands in for the pauses of retries and rate limits, in tests.
    """

    def __init__(
        self,
        config: Config,
        *,
        retry: RetryPolicy | None = None,
        backoff: Backoff | None = None,
        hook: Callable[[RequestEvent], None] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._config = config
        self._timeout = config.timeout
        self._base = config.base_url
        self._url = str(self._base)
        self._head = HeadWriter(config)
        self._retry: RetryPolicy = retry or config.retry or RetryPolicy()
        self._backoff: Backoff | None = backoff or config.backoff or backoff_from(os.environ)
        hooks = (hook, config.request_hook)
        self._hooks: tuple[Callable[[RequestEvent], None], ...] = tuple(item for item in hooks if item is not None)
        self._warn: Callable[[str], None] = config.warning_handler or LogOnce()
        self._sleep = sleep
        self._throttled = config.rate_limiter is not None or config.qps > 0
        self._closed = False
        # Keyed by process: a fork leaves the parent's sockets and locks behind, untouched.
        self._processes: dict[int, _Process] = {os.getpid(): _Process(config)}

    def send(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET, stream: bool = False) -> HTTPResponse:
        """Send a request and return the answer, whatever its status.

        The body has been read when this returns, unless `stream`: then the answer is open and must be read to its end
        or closed. `timeout` stands in for the configured one.

        Raises kinds of TransportError when there is no usable answer, a redirect included; InvalidRequestError, before
        anything is sent, for a target or header that cannot go on the wire; ConfigError where a file that a plug-in
        needs cannot be read.
        """
        limits = self._timeout if timeout is UNSET else Timeout.of(timeout)
        call = _Call(request, self._url + request.target, limits, stream)
        process = self._processes.get(os.getpid()) or self._start()
        while True:
            if self._closed:
                raise call.closed()
            if self._throttled or self._backoff is not None:
                self._wait_for_turn(process, call)
            if call.deadline is not None:
                call.shrink()
            grant = process.credentials.grant()
            try:
                response = self._observed_attempt(process, call, grant)
            except TransportError as error:
                if self._closed:
                    raise call.closed() from error
                pause = self._retry.after_break(call.effect, call.retries) if is_passing(error) else None
                if pause is None or not call.has_time(pause):
                    raise
                reason = str(error)
            else:
                if response.status < 400:
                    return response
                if response.status == 401 and not call.renewed and self._renews(process, request, grant):
                    call.renewed = True
                    continue
                pause = self._retry.after_answer(call.effect, call.retries, response)
                if pause is None or not call.has_time(pause):
                    response.remark = self._remark(call, response, grant)
                    return response
                reason = f"{request.method} {call.url}: answered {response.status}"
            call.retries += 1
            _log.warning("%s; trying again in %.3g s (retry %d)", reason, pause, call.retries)
            self._pause(process, call, pause)

    def close(self) -> None:
        """Close every connection; requests under way fail, streams end, pauses are cut short. Idempotent."""
        self._closed = True
        process = self._processes.get(os.getpid())
        if process is not None:
            process.closing.cancel()
            process.route.close()

    def __enter__(self) -> Transport:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Transport {self._url}{' closed' if self._closed else ''}>"

    @property
    def open_connections(self) -> int:
        """How many connections this process has open, idle ones included."""
        process = self._processes.get(os.getpid())
        return process.route.pool.open_connections if process is not None else 0

    def _start(self) -> _Process:
        """Begin anew in a forked child: its own connections, locks and credentials."""
        mine = os.getpid()
        for pid in [pid for pid in self._processes if pid != mine]:
            parent = self._processes.pop(pid, None)
            if parent is not None:
                parent.route.abandon()
        return self._processes.setdefault(mine, _Process(self._config))

    def _observed_attempt(self, process: _Process, call: _Call, grant: Grant) -> HTTPResponse:
        """Send once and tell hooks, log and backoff about it."""
        if not self._hooks and self._backoff is None and not _log.isEnabledFor(logging.DEBUG):
            return self._attempt(process, call, grant)
        started = monotonic()
        code: int | None = None
        call.resent = 0
        try:
            response = self._attempt(process, call, grant)
            code = response.status
        finally:
            self._observe(call, code, monotonic() - started)
        return response

    def _attempt(self, process: _Process, call: _Call, grant: Grant) -> HTTPResponse:
        request, route = call.request, process.route
        route.refresh(grant.certificate)
        head = self._head.write(request, grant.authorization, route)
        while True:
            connection = route.pool.acquire() or self._connect(route, call)
            try:
                response = self._exchange(connection, head, route, call)
            except NETWORK_ERRORS as error:
                call.check_cancelled()
                if connection.used and call.effect in READS and is_hangup(error):
                    # An idle connection the server had just closed: nothing is lost, a new one will do.
                    route.pool.distrust()
                    call.resent += 1
                    continue
                raise exchange_failure(
                    error, route.place, call.limits, method=request.method, url=call.url, effect=call.effect
                ) from error
            break
        if response.status >= 300:
            self._refuse(process, response)
        # An error is read at once even where a stream was asked for: the decision to try again needs it.
        if not call.stream or response.status >= 400:
            try:
                response.load()
            except TransportError:
                call.check_cancelled()
                raise
        warnings = response.headers.get_all("warning")
        if warnings:
            handle_warnings(warnings, self._warn)
        return response

    def _exchange(self, connection: Connection, head: bytes, route: Route, call: _Call) -> LiveResponse:
        """Send on one connection and return the answer; the connection is given up if there is none."""
        request = call.request
        cancellation = request.cancellation
        unhook = cancellation.on_cancel(connection.shutdown) if cancellation is not None else None
        try:
            raw = exchange(connection, head, request.body, request.method, call.limits.read)
        except BaseException:
            if unhook is not None:
                unhook()
            route.pool.discard(connection)
            raise
        return LiveResponse(
            raw,
            connection,
            route.pool,
            method=request.method,
            url=call.url,
            place=route.place,
            timeout=call.limits,
            deadline=call.deadline,
            unhook=unhook,
        )

    def _connect(self, route: Route, call: _Call) -> Connection:
        connection = route.pool.create()
        cancellation = call.request.cancellation
        unhook = cancellation.on_cancel(connection.shutdown) if cancellation is not None else None
        try:
            call.check_cancelled()
            connection.connect(call.limits.connect)
            call.check_cancelled()
        except NETWORK_ERRORS as error:
            route.pool.discard(connection)
            call.check_cancelled()
            raise connect_failure(error, route.place, call.limits, method=call.request.method, url=call.url) from error
        except BaseException:
            route.pool.discard(connection)
            raise
        finally:
            if unhook is not None:
                unhook()
        return connection

    def _refuse(self, process: _Process, response: HTTPResponse) -> None:
        """Refuse what no caller should have to know of: redirects, proxies, TLS ports spoken to in plain HTTP."""
        location = response.headers.get("location")
        if response.status in _REDIRECTS and location:
            response.close()
            raise ResponseError(
                f"the server redirects to {location} ({response.status}), which is not followed, because credentials "
                "and writes must not go elsewhere: if that is the API server, configure its address",
                method=response.method,
                url=response.url,
                code=response.status,
                location=location,
            )
        if response.status == 407:
            response.close()
            raise ConnectFailedError(
                proxy_refusal(process.route.place, "407 Proxy Authentication Required"),
                method=response.method,
                url=response.url,
            )
        if response.status == 400 and self._base.scheme == "http" and _PLAIN_ON_TLS in response.read():
            raise TLSError(
                f"{self._base.authority} speaks TLS and the request was plain HTTP: use https:// in the server address",
                method=response.method,
                url=response.url,
            )

    def _remark(self, call: _Call, response: HTTPResponse, grant: Grant) -> str:
        """Return what an error says better when it comes from here."""
        remarks = []
        if response.status == 401 and not any(name.lower() == "authorization" for name, _ in call.request.headers):
            from dynkube.transport.refusal import refusal  # for an error only: it brings OIDC along

            remarks.append(refusal(self._config, grant, renewed=call.renewed))
        if call.retries:
            remarks.append(f"asked {call.retries + 1} times")
        return "; ".join(remarks)

    @staticmethod
    def _renews(process: _Process, request: HTTPRequest, grant: Grant) -> bool:
        """Tell whether there are other credentials to try after a 401, by which the server says it did nothing."""
        if any(name.lower() == "authorization" for name, _ in request.headers):
            return False
        return process.credentials.refused(grant)

    def _wait_for_turn(self, process: _Process, call: _Call) -> None:
        """Wait for backoff and rate limiter; the first try of a watch passes the latter by, as in client-go."""
        wait = self._backoff.delay(self._base.authority) if self._backoff is not None else 0.0
        if self._throttled and (call.retries or call.request.verb != "watch"):
            wait = max(wait, self._reserve(process, call))
        if wait > 0:
            self._pause(process, call, wait)

    def _reserve(self, process: _Process, call: _Call) -> float:
        if process.bucket is None:
            self._config.rate_limiter.wait()
            return 0.0
        wait = process.bucket.reserve(call.left())
        if wait is None:
            raise RequestTimeoutError(
                f"the client's own rate limit (qps {self._config.qps:g}) leaves no turn before the deadline",
                method=call.request.method,
                url=call.url,
            )
        if process.notice.due(wait):
            _log.warning(
                "%s %s waits %.1f s for the client's own rate limit (qps %g), not for the server",
                call.request.method,
                call.url,
                wait,
                self._config.qps,
            )
        return wait

    def _pause(self, process: _Process, call: _Call, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        else:
            awake = Latch()
            ends = (
                [process.closing] if call.request.cancellation is None else [process.closing, call.request.cancellation]
            )
            unhooks = [end.on_cancel(awake.set) for end in ends]
            awake.wait(seconds)
            for unhook in unhooks:
                unhook()
        call.check_cancelled()

    def _observe(self, call: _Call, code: int | None, seconds: float) -> None:
        request = call.request
        if self._backoff is not None:
            self._backoff.note(self._base.authority, code)
        attempt = call.retries + call.renewed + 1
        event = RequestEvent(
            request.verb, request.template, request.method, call.url, code, seconds, attempt, call.resent
        )
        notify(self._hooks, event)
        log_request(request, event)


class _Call:
    """One call of `send`: what it asks for and how far it got."""

    def __init__(self, request: HTTPRequest, url: str, limits: Timeout, stream: bool) -> None:
        self.request = request
        #: The method that does to the cluster what this request does: what asks for a connection runs a command, as
        #: a write, though a WebSocket begins with a GET.
        self.effect = "POST" if request.verb == "connect" else request.method
        self.url = url
        self.limits = limits
        self.stream = stream
        self.deadline = None if limits.total is None else monotonic() + limits.total
        self.retries = 0
        self.renewed = False
        self.resent = 0

    def left(self) -> float | None:
        """Return the seconds until the deadline, None if there is none."""
        return None if self.deadline is None else self.deadline - monotonic()

    def has_time(self, pause: float) -> bool:
        """Tell whether the deadline leaves something after a pause."""
        return self.deadline is None or monotonic() + pause < self.deadline

    def shrink(self) -> None:
        """Cut the limits to what the deadline leaves; raises RequestTimeoutError if that is nothing."""
        left = self.left()
        if left is None:
            return
        limits = self.limits
        if left <= 0:
            raise RequestTimeoutError(
                f"the total time of {limits.total:g} s ran out", method=self.request.method, url=self.url
            )
        self.limits = Timeout(
            left if limits.connect is None else min(limits.connect, left),
            left if limits.read is None else min(limits.read, left),
            limits.total,
        )

    def closed(self) -> ClientClosedError:
        """Return what is raised once the client is closed, whatever a request under way met with."""
        return ClientClosedError("this client is closed", method=self.request.method, url=self.url)

    def check_cancelled(self) -> None:
        """Raise ConnectFailedError if the caller has cancelled the request."""
        cancellation = self.request.cancellation
        if cancellation is not None and cancellation.cancelled:
            raise ConnectFailedError("cancelled by the caller", method=self.request.method, url=self.url) from None


class _Process:
    """What one process has of its own: connections, credentials and counters, with their locks."""

    def __init__(self, config: Config) -> None:
        self.credentials: Credentials = _credentials(config)
        self.route = Route(config)
        self.closing = Cancellation()
        self.bucket = TokenBucket(config.qps, config.burst) if config.rate_limiter is None and config.qps > 0 else None
        self.notice = Notice()


def _credentials(config: Config) -> Credentials:
    credentials = static_credentials(config)
    if credentials is not None:
        return credentials
    if config.exec_provider is not None:
        from dynkube.transport.exec_plugin import ExecCredentials

        return ExecCredentials.shared(config)
    provider = config.auth_provider
    if provider is not None and provider.name == "oidc":
        from dynkube.transport.oidc import OIDCCredentials

        return OIDCCredentials(provider, proxy_url=config.proxy_url)
    name = provider.name if provider is not None else ""
    raise ConfigError(
        f"auth-provider {name!r} is not built in: only oidc is; "
        "gcp and azure became exec plug-ins (gke-gcloud-auth-plugin, kubelogin), configure one of those"
    )
