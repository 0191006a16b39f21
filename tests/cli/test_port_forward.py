"""`dynkube port-forward`: what is forwarded where, until it is interrupted."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from cli.test_live import watching
from cli.test_logs import pod

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient
    from dynkube.testing import APIServer


@pytest.fixture
def web(server: APIServer, dyn: DynamicClient, namespace: str) -> None:
    """Make a running pod that says hello on a port called http, and a service of it."""
    body: dict[str, Any] = pod("web", namespace, "main", app="web")
    body["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8000}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    server.load([body, service])
    dyn.resource("v1", "pods").namespace(namespace).subresource("status").patch("web", {"status": {"phase": "Running"}})
    server.containers.set_port(8000, lambda sock: sock.sendall(b"hello"), namespace=namespace, pod="web")


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("words", [("web", ":8000"), ("pod/web", ":http"), ("svc/web", ":80")])
def test_a_port_is_forwarded(words: tuple[str, str], kubeconfig: Path, namespace: str) -> None:
    """The line says where; a service's port leads to its target, a name to what it names."""
    with watching(kubeconfig, namespace, "port-forward", *words, "--address=127.0.0.1") as out:
        line = out.readline()
        assert line.startswith("Forwarding from 127.0.0.1:")
        assert line.endswith(" -> 8000\n")
        port = int(line.split(":")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            assert sock.recv(100) == b"hello"


@pytest.mark.usefixtures("web")
def test_what_cannot_be_forwarded(run: Run, server: APIServer, namespace: str) -> None:
    """A port that is none, one nobody named, a pod that does not run, an address that is not ours."""
    assert run("port-forward", "web", "x:80").code == 2
    assert "has no port called nothing" in run("port-forward", "web", "nothing").err
    assert "has no port 81" in run("port-forward", "svc/web", "81").err
    assert "cannot listen on 192.0.2.1:0" in run("port-forward", "web", ":80", "--address=192.0.2.1").err
    server.load([pod("new", namespace, "main")])
    assert run("port-forward", "new", "80").err == (
        "error: unable to forward port because pod is not running. Current status=Pending\n"
    )
