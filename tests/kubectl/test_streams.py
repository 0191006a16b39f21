"""kubectl reads logs, runs commands, attaches and copies on the embedded server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from stream.conftest import NODE, pod, running
from stream.test_copying import local, tree

from dynkube.testing import APIServer
from kubectl.running import Kubectl
from kubectl.versions import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube.testing.container_process import ContainerProcess

pytestmark = pytest.mark.kubectl


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Run a server in this process, where the containers can be scripted, with a running pod called web."""
    with APIServer() as server, server.client() as dyn:
        server.load([NODE, pod("web")])
        dyn.resource("v1", "pods").namespace("default").subresource("status").patch("web", running(pod("web")))
        yield server


@pytest.fixture
def kubectl(program: str, server: APIServer, tmp_path: Path) -> Kubectl:
    """Return kubectl on that server."""
    kubeconfig = server.write_kubeconfig(tmp_path / "config")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}
    return Kubectl(program, environment, "default")


class TestLogs:
    def test_a_log_and_its_end(self, kubectl: Kubectl, server: APIServer) -> None:
        """Logs prints it, --tail the last lines of it, -f until the container ends."""
        server.containers.set_log("default", "web", "one\ntwo\nthree\n")
        assert kubectl("logs", "web") == "one\ntwo\nthree\n"
        assert kubectl("logs", "web", "--tail=1") == "three\n"
        assert kubectl("logs", "web", "-f", "--since=1h") == "one\ntwo\nthree\n"

    def test_what_comes_later(self, kubectl: Kubectl, server: APIServer) -> None:
        """Logs -f prints each line when it is written."""
        server.containers.append_log("default", "web", "one\n")
        with kubectl.running("logs", "-f", "web") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "one\n"
            server.containers.append_log("default", "web", "two\n")
            assert process.stdout.readline() == "two\n"
            server.containers.end_log("default", "web")
            assert process.wait(20) == 0

    def test_there_is_none(self, kubectl: Kubectl) -> None:
        """What is wrong is said in the words of a real server."""
        finished = kubectl.run("logs", "-p", "web")
        assert finished.returncode == 1
        assert 'previous terminated container "main" in pod "web" not found' in finished.stderr


class TestExec:
    @pytest.fixture(autouse=True)
    def websockets(self, kubectl: Kubectl) -> None:
        """Skip where kubectl speaks SPDY alone, which the embedded server does not."""
        needs(kubectl, "1.31", "older ones run commands over SPDY unless told otherwise")

    def test_output_and_exit_code(self, kubectl: Kubectl, server: APIServer) -> None:
        """What a command writes and how it ends."""
        assert kubectl("exec", "web", "--", "echo", "a", "-c", "b") == "a -c b\n"

        def failing(process: ContainerProcess) -> int:
            process.stderr.write("no\n")
            return 7

        server.containers.set_command("failing", failing)
        finished = kubectl.run("exec", "web", "--", "failing")
        assert finished.returncode == 7
        assert finished.stderr == "no\ncommand terminated with exit code 7\n"

    def test_input(self, kubectl: Kubectl) -> None:
        """Standard input arrives whole, and its end as well."""
        assert kubectl("exec", "-i", "web", "--", "cat", stdin="x" * 300_000) == "x" * 300_000

    def test_no_such_program(self, kubectl: Kubectl) -> None:
        """It is told in the words of containerd."""
        finished = kubectl.run("exec", "web", "--", "nothing")
        assert finished.returncode == 1
        assert 'exec: "nothing": executable file not found in $PATH' in finished.stderr

    def test_attach(self, kubectl: Kubectl, server: APIServer) -> None:
        """What the container's own process writes, and its input."""
        server.containers.set_main(lambda process: process.stdout.write(process.stdin.read().upper()))
        assert "HELLO" in kubectl("attach", "-i", "web", stdin="hello")

    def test_cp(self, kubectl: Kubectl, server: APIServer, tmp_path: Path) -> None:
        """A folder there and back, by way of tar."""
        for program in ("tar", "test"):
            server.containers.set_command(program, local)
        tree(tmp_path / "site")
        (tmp_path / "inside").mkdir()
        kubectl("cp", str(tmp_path / "site"), f"web:{tmp_path}/inside")
        assert (tmp_path / "inside" / "site" / "a.txt").read_text() == "a\n"
        kubectl("cp", f"web:{tmp_path}/inside/site", str(tmp_path / "back"))
        assert (tmp_path / "back" / "sub" / "-b").read_bytes() == (tmp_path / "site" / "sub" / "-b").read_bytes()
