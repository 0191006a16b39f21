"""`dynkube exec` and `attach`: exit codes, streams, and the terminal, which is given back as it was."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cli.test_logs import pod
from dynkube.stream.process import ExecResult

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.testing import APIServer
    from dynkube.testing.container_process import ContainerProcess

pty = pytest.importorskip("pty")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")


@pytest.fixture
def web(server: APIServer, namespace: str) -> str:
    """Make a pod of two containers of which something is said, so that it runs."""
    server.load([pod("web", namespace, "a", "b")])
    server.containers.set_command("which", lambda process: process.stdout.write(process.container), pod="web")
    server.containers.append_log(namespace, "web", "")
    return "web"


@pytest.mark.usefixtures("web")
def test_a_command_and_its_exit_code(run: Run, server: APIServer) -> None:
    """Behind -- stands the command, options and all; its exit code is the command's."""
    assert run("exec", "web", "-q", "--", "echo", "a", "-n", "b") == (0, "a -n b\n", "")

    def failing(process: ContainerProcess) -> int:
        process.stderr.write("no\n")
        return 42

    server.containers.set_command("failing", failing)
    finished = run("exec", "web", "-c", "b", "--", "failing")
    assert finished == (42, "", "no\ncommand terminated with exit code 42\n")
    assert run("exec", "-q", "web", "--", "failing").err == "no\n"


@pytest.mark.usefixtures("web")
def test_which_container_is_meant(run: Run) -> None:
    """The first unless one is named, which is said."""
    assert run("exec", "web", "--", "which") == (0, "a", 'Defaulted container "a" out of: a, b\n')
    assert run("exec", "pod/web", "-c", "b", "--", "which") == (0, "b", "")


@pytest.mark.usefixtures("web")
def test_input_is_passed_on_request(run: Run) -> None:
    """-i sends standard input and its end; without it there is none."""
    assert run("exec", "-iq", "web", "--", "cat", stdin="hello").out == "hello"
    assert run("exec", "-q", "web", "--", "cat", stdin="hello").out == ""


@pytest.mark.usefixtures("web")
def test_without_a_terminal_there_is_none(run: Run) -> None:
    """-it in a pipe goes on without, and says so."""
    finished = run("exec", "-it", "web", "-c", "a", "--", "cat", stdin="hello")
    assert (finished.code, finished.out) == (0, "hello")
    assert "Unable to use a TTY" in finished.err


@pytest.mark.usefixtures("web")
def test_what_cannot_be_run(run: Run) -> None:
    """No command is a mistake (2); one that does not exist is a refusal (1)."""
    assert run("exec", "web").code == 2
    assert "It stands behind --" in run("exec", "web", "--").err
    missing = run("exec", "-q", "web", "--", "nothing")
    assert missing.code == 1
    assert "executable file not found" in missing.err
    assert run("exec", "absent", "--", "true").code == 1


@pytest.mark.usefixtures("web")
def test_attaching(run: Run, server: APIServer) -> None:
    """Input and output of the container's own process."""
    server.containers.set_main(lambda process: process.stdout.write(process.stdin.read().upper()), pod="web")
    assert run("attach", "-iq", "web", stdin="hello").out == "HELLO"
    assert "If you don't see a command prompt" in run("attach", "-i", "web", stdin="x").err


def test_a_result_is_checked_by_hand() -> None:
    """check() of a result that is well returns it."""
    assert ExecResult(0, b"x", b"").check().text == "x"


class Terminal:
    """A pseudo-terminal with the command in it."""

    def __init__(self, command: list[str], *, rows: int, columns: int) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True
        )

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, text: bytes) -> bytes:
        """Read until `text` has come."""
        seen, deadline = b"", time.monotonic() + 30
        while text not in seen and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.1)[0]:
                seen += os.read(self.master, 4096)
        assert text in seen
        return seen

    def close(self) -> None:
        """End it all."""
        self.process.kill()
        self.process.wait(20)
        os.close(self.master)
        os.close(self.slave)


@pytest.mark.usefixtures("web")
def test_a_terminal_is_raw_has_a_size_and_is_given_back(server: APIServer, kubeconfig: Path, namespace: str) -> None:
    """Keys go through as they are, Ctrl-C too; SIGWINCH tells the new size; then the settings are the old ones."""

    def shell(process: ContainerProcess) -> int:
        assert process.tty
        for _ in range(2):
            process.resized.wait(20)
            process.resized.clear()
            process.stdout.write(f"<{process.size}>")
        keys = process.stdin.read(3)
        process.stdout.write(f"<{keys!r}>")
        return 5

    server.containers.set_command("shell", shell)
    command = [sys.executable, "-m", "dynkube.cli", "--kubeconfig", str(kubeconfig), "-n", namespace]
    terminal = Terminal([*command, "exec", "-itq", "web", "--", "shell"], rows=24, columns=80)
    try:
        terminal.expect(b"<(80, 24)>")
        terminal.resize(50, 132)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.expect(b"<(132, 50)>")
        os.write(terminal.master, b"a\x03\n")
        terminal.expect(rb"<b'a\x03\n'>")
        assert terminal.process.wait(20) == 5
        assert termios.tcgetattr(terminal.slave) == terminal.before
    finally:
        terminal.close()
