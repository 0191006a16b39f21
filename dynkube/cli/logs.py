"""`dynkube logs`: what the containers of pods have written, and on request what they go on to write."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

from dynkube.cli.durations import seconds
from dynkube.cli.exits import OK, REFUSED, UsageError, report
from dynkube.cli.pods import Pod, find_pod, pods_view
from dynkube.cli.terminal import write_bytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.stream import LogStream

_EXAMPLE = "dynkube logs -f deploy/web -c app"
#: Lines of each log if a selector is given and nothing else is said (kubectl's).
_SELECTED_TAIL = 10


class _Source(NamedTuple):
    """The log of one container, and what its lines begin with."""

    prefix: bytes
    log: LogStream


def configure(parser: Parser) -> None:
    """Declare the options of `logs`."""
    add = parser.add_argument
    add("target", nargs="?", metavar="POD", help="a pod, or resource/name: deploy/web is the best of its pods")
    add("container_name", nargs="?", metavar="CONTAINER", help="the same as -c")
    add("-c", "--container", metavar="NAME", help="the container (default: the pod's default, or its first)")
    parser.switch("--all-containers", text="of all containers, init and ephemeral ones too")
    add("-l", "--selector", metavar="LABELS", help="of the pods whose labels match")
    parser.switch("-f", "--follow", text="go on until the containers end")
    parser.switch("-p", "--previous", text="of the container before its last restart")
    parser.switch("--timestamps", text="begin each line with its time")
    parser.switch("--prefix", text="begin each line with its pod and container")
    parser.switch("--ignore-errors", text="with -f: go on with the other logs when one fails")
    add("--tail", type=int, metavar="LINES", help="only the last lines; -1: all (default; with -l: 10)")
    add("--since", type=seconds, metavar="TIME", help="only what is not older: 30s, 5m, 2h")
    add("--since-time", metavar="TIME", help="only what came since: 2026-01-31T12:00:00Z")
    add("--limit-bytes", type=int, metavar="N", help="at most so many bytes of each log")
    add("--max-log-requests", type=int, default=5, metavar="N", help="most logs to follow at once (default: 5)")
    parser.switch(
        "--insecure-skip-tls-verify-backend", text="let the API server not check the certificate of the kubelet"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the logs; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    if options.container_name:
        if options.container:
            raise UsageError("say the container once: as second word, or with -c")
        options.container = options.container_name
    if options.container and options.all_containers:
        raise UsageError("--all-containers and a container contradict each other")
    if bool(options.target) == bool(options.selector):
        raise UsageError(f"which pod? Either a pod or -l. For example: {_EXAMPLE}")
    with Cluster(options) as cluster:
        sources = [_source(pod, name, options) for pod, name in _containers(cluster, options)]
        if not options.follow or len(sources) == 1:
            for source in sources:
                _print(source)
            return OK
        if len(sources) > options.max_log_requests:
            raise UsageError(
                f"{len(sources)} logs to follow, and --max-log-requests allows {options.max_log_requests}: "
                "raise it, or select less"
            )
        return _follow_all(sources, ignore_errors=options.ignore_errors)


def _containers(cluster: Cluster, options: argparse.Namespace) -> Iterator[tuple[Pod, str]]:
    """Yield the pods and containers that are meant."""
    if options.target:
        pods = [find_pod(cluster, options.target, example=_EXAMPLE)]
    else:
        view = pods_view(cluster)
        pods = [Pod(view, obj) for obj in view.iter(label_selector=options.selector)]
        if not pods:
            print(f"No resources found in {cluster.namespace} namespace.", file=sys.stderr)
    for pod in pods:
        names = pod.containers if options.all_containers else [pod.container(options.container)]
        yield from ((pod, name) for name in names)


def _source(pod: Pod, container: str, options: argparse.Namespace) -> _Source:
    tail = options.tail
    if tail is None and options.selector:
        tail = _SELECTED_TAIL
    log = pod.view.logs(
        pod.name,
        container=container,
        follow=options.follow,
        previous=options.previous,
        timestamps=options.timestamps,
        tail_lines=None if tail is None or tail < 0 else tail,
        since_seconds=None if options.since is None else max(1, round(options.since)),
        since_time=options.since_time,
        limit_bytes=options.limit_bytes or None,
        insecure_skip_tls_verify_backend=options.insecure_skip_tls_verify_backend,
    )
    return _Source(f"[pod/{pod.name}/{container}] ".encode() if options.prefix else b"", log)


def _print(source: _Source) -> None:
    """Copy a log to standard output as it is, each piece at once."""
    if source.prefix:
        for line in source.log.raw_lines():
            write_bytes(sys.stdout, source.prefix + line + b"\n")
        return
    for piece in source.log.chunks():
        write_bytes(sys.stdout, piece)


def _follow_all(sources: list[_Source], *, ignore_errors: bool) -> int:
    """Follow several logs at once, line by line; return the exit code."""
    writing = threading.Lock()
    failures: list[BaseException] = []

    def follow(source: _Source) -> None:
        try:
            for line in source.log.raw_lines():
                with writing:
                    write_bytes(sys.stdout, source.prefix + line + b"\n")
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)
            if not ignore_errors:
                for each in sources:
                    each.log.close()

    threads = [threading.Thread(target=follow, args=(each,), name="dynkube-log") for each in sources]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        for each in sources:
            each.log.close()
    for error in failures:
        if isinstance(error, BrokenPipeError):
            raise error
        report(error)
    return REFUSED if failures and not ignore_errors else OK
