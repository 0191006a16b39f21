"""The verbs that follow a resource over time: watch, wait and what informers read through; streams of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.config import UNSET
from dynkube.dynamic import requests
from dynkube.dynamic.keywords import names_nearest_option
from dynkube.dynamic.lister_watcher import ResourceListerWatcher
from dynkube.dynamic.view import View
from dynkube.watch.protocol import IDLE_TIMEOUT

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike
    from pathlib import Path
    from typing import BinaryIO

    from dynkube.config import TimeoutLike, Unset
    from dynkube.dynamic.options import FieldSelectorLike, LabelSelectorLike
    from dynkube.informer import SharedInformer
    from dynkube.informer.indexer import IndexFunction
    from dynkube.informer.transforms import Transform
    from dynkube.objects import JSONObject
    from dynkube.stream import ExecResult, LogStream, PortForward, RemoteProcess
    from dynkube.transport import HTTPRequest
    from dynkube.watch import Condition, Watcher


@names_nearest_option
class Live(View):
    """watch, wait, informer, lister_watcher; logs, exec, open_exec, attach, port_forward, copy_from, copy_to.

    What the server offers no subresource for, logs of anything but pods, is an UnsupportedVerbError.
    """

    def watch(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        resource_version: str | None = None,
        relist: bool = False,
        known: Iterable[JSONObject] = (),
        allow_bookmarks: bool = False,
        send_initial_events: bool = False,
        idle_timeout: float | None = IDLE_TIMEOUT,
        timeout: float | None = None,
    ) -> Watcher:
        """Return the changes, as an endless iterator of {"type": "ADDED" | "MODIFIED" | "DELETED", "object": {...}}.

        With no `resource_version`, what exists comes first, as ADDED. Connections that end or break are replaced and
        the watch goes on where it was; `with` and `close()`, from any thread, end it at once, as does `timeout`
        (seconds for the whole watch; None: none). When the server no longer has the events since the last one seen,
        Gone is raised; with `relist`, the differences come as events instead. After a list of your own give `known`,
        its items, with its version, or the objects in it that are deleted then are not told. See
        `dynkube.watch.Watcher`.
        """
        # Here, and below, not at the top: saves 14 % of the cold start of a program that does not watch.
        from dynkube.watch import Watcher

        source = self.lister_watcher(label_selector=label_selector, field_selector=field_selector)
        source.check()
        return Watcher(
            source,
            resource_version=resource_version,
            relist=relist,
            known=known,
            timeout=timeout,
            allow_bookmarks=allow_bookmarks,
            send_initial_events=send_initial_events,
            idle_timeout=idle_timeout,
        )

    def informer(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        indexers: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        resync_period: float = 0.0,
        stream: bool = True,
        page_size: int | None = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        on_error: Callable[[Exception], None] | None = None,
    ) -> SharedInformer:
        """Return an informer of this view, not yet started: a local copy of its objects that keeps itself up to date.

        The options are those of `dynkube.informer.SharedInformer`. Of the metadata view, it holds metadata only.
        """
        from dynkube.informer import SharedInformer

        source = self.lister_watcher(label_selector=label_selector, field_selector=field_selector)
        source.check()
        return SharedInformer(
            source,
            name=str(self.gvr.group_resource),
            indexers=indexers,
            transform=transform,
            resync_period=resync_period,
            stream=stream,
            page_size=page_size,
            idle_timeout=idle_timeout,
            on_error=on_error,
        )

    def lister_watcher(
        self, *, label_selector: LabelSelectorLike = None, field_selector: FieldSelectorLike = None
    ) -> ResourceListerWatcher:
        """Return what the watch and informer layers read this view through: single requests, nothing resumed."""
        return ResourceListerWatcher(
            self, label_selector, field_selector, as_list=self._as_list, change_object=self._event_changer()
        )

    def wait(
        self,
        name: str,
        condition: Condition,
        *,
        timeout: float | None = None,
        raise_for: Condition | Iterable[Condition] = (),
    ) -> JSONObject | None:
        """Block until `condition` holds for the object called `name`; return the object, None if it is gone by then.

        Conditions are those of `dynkube.watch` (`condition("Available")`, `deleted()`, `jsonpath(...)`), or any
        function of the object, None standing for its absence. `timeout` is in seconds, None for no limit. Raises
        WaitTimeoutError, or WaitFailedError if one of `raise_for` holds first; both carry the object as last seen.
        """
        from dynkube.watch import wait_for

        self.endpoint("watch").item(name)
        source = self.lister_watcher(field_selector={"metadata.name": name})
        source.check()
        return wait_for(source, condition, timeout=timeout, raise_for=raise_for)

    def logs(
        self,
        name: str,
        *,
        container: str | None = None,
        follow: bool = False,
        previous: bool = False,
        timestamps: bool = False,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        since_time: datetime.datetime | str | None = None,
        limit_bytes: int | None = None,
        insecure_skip_tls_verify_backend: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> LogStream:
        """Return the log of a container of the pod called `name`: iterate over its lines, or `read()` it whole.

        `container` may be left out where there is one. `follow` goes on as the container writes, until it ends or the
        stream is closed; `previous` is the log of the container before its last restart. `tail_lines`, `since_seconds`
        or `since_time`, and `limit_bytes` narrow it; `timestamps` begins each line with its time. `timeout` as
        everywhere, but that a followed log may be silent for as long as it likes unless it is given. Nothing is sent
        before the first line is asked for. The options are those of PodLogOptions. See `dynkube.stream.LogStream`.
        """
        from dynkube.stream import LogStream
        from dynkube.stream.options import log_params

        params = log_params(
            container=container,
            follow=follow,
            previous=previous,
            timestamps=timestamps,
            tail_lines=tail_lines,
            since_seconds=since_seconds,
            since_time=since_time,
            limit_bytes=limit_bytes,
            insecure_skip_tls_verify_backend=insecure_skip_tls_verify_backend,
        )
        request = requests.stream(self.endpoint("get", "log"), name, params, verb="get")
        return LogStream(self.rest, request, follow=follow, timeout=timeout)

    def exec(
        self,
        name: str,
        command: Sequence[str],
        *,
        container: str | None = None,
        stdin: bytes | BinaryIO | None = None,
        tty: bool = False,
        check: bool = False,
        timeout: float | None = None,
    ) -> ExecResult:
        """Run a command in a container of the pod called `name` and return its exit code, stdout and stderr.

        `command` is a list of words; no shell is between. `stdin`, bytes or a binary file, is sent and then ends. An
        exit code other than 0 is a result; with `check` it raises CommandFailedError, which has it all. A command that
        cannot be run raises a StatusError. `timeout`, in seconds, is for the whole; RequestTimeoutError then, and
        the command may still run. It is never sent twice.
        """
        from dynkube.stream.process import run_command

        request = self._exec_request(name, command, container=container, stdin=stdin is not None, tty=tty)
        return run_command(self.rest, request, stdin=stdin, tty=tty, check=check, timeout=timeout)

    def open_exec(
        self,
        name: str,
        command: Sequence[str],
        *,
        container: str | None = None,
        stdin: bool = True,
        tty: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> RemoteProcess:
        """Run a command in a container of the pod called `name` and return it while it runs, to be spoken with.

        See `dynkube.stream.RemoteProcess`. `stdin` says whether it is given an input, `tty` a terminal. `timeout` is
        about the server's answer, as everywhere.
        """
        from dynkube.stream.process import open_process

        request = self._exec_request(name, command, container=container, stdin=stdin, tty=tty)
        return open_process(self.rest, request, tty=tty, timeout=timeout)

    def attach(
        self,
        name: str,
        *,
        container: str | None = None,
        stdin: bool = False,
        tty: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> RemoteProcess:
        """Return the process a container of the pod called `name` was started with: what it writes from now on.

        `stdin` and `tty` are of use where the container was given them, too. Otherwise as `open_exec`.
        """
        from dynkube.stream.options import attach_params
        from dynkube.stream.process import open_process

        params = attach_params(container=container, stdin=stdin, tty=tty)
        request = requests.stream(self.endpoint("get", "attach"), name, params, verb="connect")
        return open_process(self.rest, request, tty=tty, timeout=timeout)

    def port_forward(
        self,
        name: str,
        ports: int | str | Sequence[int | str],
        *,
        address: str = "127.0.0.1",
        listen: bool = True,
        on_error: Callable[[Exception], None] | None = None,
    ) -> PortForward:
        """Return local ports that lead to `ports` of the pod called `name`, bound already, until it is closed.

        A port is written as for kubectl: 8080 (the same here), "8888:8080", ":8080" (any free one; `local_ports` says
        which). With `listen=False` nothing is bound, and its `connect()` returns a socket. No request is sent before
        the first connection; what goes wrong with one is told to `on_error`. See `dynkube.stream.PortForward`.
        """
        from dynkube.stream.port_forward import PortForward, parse_ports
        from dynkube.stream.tunnel import Tunnel, open_tunnel

        endpoint = self.endpoint("get", "portforward")
        endpoint.item(name)

        def connect(port: int) -> Tunnel:
            return open_tunnel(self.rest, requests.stream(endpoint, name, {"ports": port}, verb="connect"), port)

        return PortForward(connect, parse_ports(ports), address=address, listen=listen, on_error=on_error)

    def copy_from(self, name: str, remote: str, local: str | PathLike[str], *, container: str | None = None) -> Path:
        """Copy a file or directory out of a container of the pod called `name`; return where it is here.

        A directory is merged into `local`; a file becomes `local`, or goes into it if that is a directory. The
        container needs tar. Nothing is written outside of `local`, whatever the archive says: see
        `dynkube.stream.extraction`. Raises CommandFailedError with what tar says.
        """
        from dynkube.stream.copying import copy_from

        return copy_from(self._starter(name, container), remote, local)

    def copy_to(
        self,
        name: str,
        local: str | PathLike[str],
        remote: str,
        *,
        container: str | None = None,
        preserve: bool = True,
    ) -> str:
        """Copy a file or directory into a container of the pod called `name`; return where it is there.

        It goes into `remote` if that is a directory or ends with "/", else under that name. The container needs tar and
        test. Permissions are kept unless `preserve` is False; owners are whoever runs tar. Raises CommandFailedError.
        """
        from dynkube.stream.copying import copy_to

        return copy_to(
            self._starter(name, container),
            lambda command: self.exec(name, command, container=container),
            local,
            remote,
            preserve=preserve,
        )

    def _starter(self, name: str, container: str | None) -> Callable[[Sequence[str], bool], RemoteProcess]:
        return lambda command, stdin: self.open_exec(name, command, container=container, stdin=stdin)

    def _exec_request(
        self, name: str, command: Sequence[str], *, container: str | None, stdin: bool, tty: bool
    ) -> HTTPRequest:
        from dynkube.stream.options import exec_params

        params = exec_params(command, container=container, stdin=stdin, tty=tty)
        return requests.stream(self.endpoint("get", "exec"), name, params, verb="connect")
