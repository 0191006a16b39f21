"""`dynkube port-forward`: local ports that lead to ports of a pod."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dynkube.cli.exits import DeclinedError, UsageError, report
from dynkube.cli.pods import Pod, find_pod
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject

_EXAMPLE = "dynkube port-forward svc/web 8080:80"
#: What "localhost" stands for; the second where there is IPv6.
_LOOPBACK = ("127.0.0.1", "::1")


def configure(parser: Parser) -> None:
    """Declare the options of `port-forward`."""
    add = parser.add_argument
    add("target", metavar="POD", help="a pod, or resource/name: svc/web, deploy/web are the best of their pods")
    add("ports", nargs="+", metavar="[LOCAL:]REMOTE", help="8080, 8888:8080, :8080 (any free local port), 8080:http")
    add("--address", default="localhost", metavar="IP,...", help="where to listen (default: localhost)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Forward until interrupted."""
    import contextlib

    from dynkube.cli.cluster import Cluster
    from dynkube.errors import ConnectFailedError

    with Cluster(options) as cluster, contextlib.ExitStack() as stack:
        service = _service(cluster, options.target)
        pod = find_pod(cluster, options.target, example=_EXAMPLE)
        phase = nested_get(pod.obj, "status", "phase") or "Pending"
        if phase != "Running":
            raise DeclinedError(f"unable to forward port because pod is not running. Current status={phase}")
        ports = [_spec(text, pod, service) for text in options.ports]
        bound = False
        failures: list[ConnectFailedError] = []
        for address in _addresses(options.address):
            try:
                forward = pod.view.port_forward(pod.name, ports, address=address, on_error=_tell)
            except ConnectFailedError as error:
                failures.append(error)
                if options.address != "localhost":
                    raise
                continue
            stack.enter_context(forward)
            bound = True
            for remote, (host, local) in forward.addresses.items():
                shown = f"[{host}]" if ":" in host else host
                print(f"Forwarding from {shown}:{local} -> {remote}", flush=True)
            # Two loopback addresses share one free port.
            ports = [f"{local}:{remote}" for remote, local in forward.local_ports.items()]
        if not bound:
            raise failures[0]
        threading.Event().wait()
    return 0


def _tell(error: Exception) -> None:
    """Say what went wrong with one connection; the others go on."""
    report(error)


def _addresses(text: str) -> Iterator[str]:
    for address in text.split(","):
        if address == "localhost":
            yield from _LOOPBACK
        elif address:
            yield address
        else:
            raise UsageError(f"--address takes IP addresses and localhost, not {text!r}")


def _service(cluster: Cluster, target: str) -> JSONObject | None:
    resource, _, name = target.rpartition("/")
    if not resource or cluster.find(resource).kind != "Service":
        return None
    return cluster.view(cluster.find(resource), cluster.namespace).get(name)


def _spec(text: str, pod: Pod, service: JSONObject | None) -> str:
    """Return a port with numbers: those of a service lead to its target ports, and names to the ports they name."""
    local, colon, remote = text.rpartition(":")
    if service is not None:
        for port in nested_get(service, "spec", "ports") or ():
            if remote in (str(port.get("port")), port.get("name")):
                local = local if colon else str(port["port"])
                remote = str(port.get("targetPort", port["port"]))
                break
        else:
            raise DeclinedError(f"service {service['metadata']['name']} has no port {remote}")
    if not remote.isdigit():
        named = _named_port(pod.obj, remote)
        return f"{local}:{named}" if colon or local else named
    return f"{local}:{remote}" if colon or local else remote


def _named_port(pod: JSONObject, name: str) -> str:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return str(port["containerPort"])
    raise DeclinedError(f"pod {pod['metadata']['name']} has no port called {name}")
