"""Exit codes: what a script can rely on, each in the situation it stands for."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynkube import errors
from dynkube.cli import exits, main

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run

PYTHON = [sys.executable, "-m", "dynkube.cli"]


def kubeconfig_for(path: Path, server: str) -> str:
    """Write a kubeconfig for `server` and return its path."""
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [],"
        " contexts: [{name: c, context: {cluster: c, user: ''}}],"
        f" clusters: [{{name: c, cluster: {{server: '{server}'}}}}]}}"
    )
    return str(path)


class TestCodes:
    def test_documented_values(self) -> None:
        """The numbers are a promise; changing one breaks scripts."""
        assert (exits.OK, exits.REFUSED, exits.USAGE, exits.TIMED_OUT) == (0, 1, 2, 3)
        assert (exits.INTERNAL, exits.INTERRUPTED, exits.BROKEN_PIPE) == (70, 130, 141)

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (SystemExit(0), exits.OK),
            (SystemExit(None), exits.OK),
            (SystemExit(2), exits.USAGE),
            (KeyboardInterrupt(), exits.INTERRUPTED),
            (BrokenPipeError(), exits.BROKEN_PIPE),
            (exits.UsageError("x"), exits.USAGE),
            (errors.ConfigError("x"), exits.USAGE),
            (errors.NoConfigError("x"), exits.USAGE),
            (errors.InvalidNameError("x"), exits.USAGE),
            (errors.ManifestError("x"), exits.USAGE),
            (errors.NoMatchError("x"), exits.REFUSED),
            (errors.DiscoveryError("x"), exits.REFUSED),
            (errors.ConnectFailedError("x", method="GET", url="u"), exits.REFUSED),
            (errors.RequestTimeoutError("x", method="GET", url="u"), exits.REFUSED),
            (errors.WaitTimeoutError("x"), exits.TIMED_OUT),
            (FileNotFoundError(2, "No such file or directory", "x.yaml"), exits.USAGE),
            (ZeroDivisionError("x"), exits.INTERNAL),
        ],
    )
    def test_each_failure(
        self, error: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each kind of failure has its code and at most one line."""
        monkeypatch.setattr("sys.stdout", io.StringIO())
        assert exits.exit_code_of(error) == code
        assert capsys.readouterr().err.count("\n") <= 1

    @pytest.mark.parametrize(
        ("status", "line"),
        [
            (
                {"code": 404, "reason": "NotFound", "message": 'pods "a" not found'},
                'Error from server (NotFound): pods "a" not found',
            ),
            (
                {"code": 422, "reason": "Invalid", "message": 'Pod "a" is invalid: spec: Required value'},
                'The Pod "a" is invalid: spec: Required value',
            ),
            (
                {"code": 422, "reason": "Invalid", "message": 'Deployment.apps "a" is invalid: spec: Required value'},
                'The Deployment "a" is invalid: spec: Required value',
            ),
            (
                {"code": 422, "reason": "Invalid", "message": ' "" is invalid: patch: Invalid value: "x": no'},
                'The request is invalid: patch: Invalid value: "x": no',
            ),
            ({"code": 500, "message": "one\ntwo"}, "Error from server (500): one two"),
        ],
    )
    def test_refusals_read_as_kubectls(
        self, status: dict[str, object], line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A refusal is worded as kubectl words it, on one line."""
        error = errors.status_error(status, method="GET", url="https://x", code=int(str(status["code"])))
        assert exits.report(error) == exits.REFUSED
        assert capsys.readouterr().err == f"{line}\n"

    def test_defects_are_owned_up_to(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """A defect is said to be one, in one line; nobody's configuration is blamed."""

        def fail(_argv: list[str]) -> None:
            raise RuntimeError("impossible")

        monkeypatch.setattr("dynkube.cli.parsing.parse", fail)
        assert main(["version"]) == exits.INTERNAL
        assert "defect of dynkube" in capsys.readouterr().err


class TestInPlace:
    def test_a_server_that_is_down(self, run: Run, tmp_path: Path) -> None:
        """A refused connection exits with 1 and names the server."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        config = kubeconfig_for(tmp_path / "config", f"http://127.0.0.1:{port}")
        shown = run("get", "cm", "--kubeconfig", config)
        assert (shown.code, shown.out) == (exits.REFUSED, "")
        assert str(port) in shown.err
        assert shown.err.count("\n") == 1

    def test_a_kubeconfig_that_is_not_there(self, run: Run) -> None:
        """A missing kubeconfig exits with 2 and is named."""
        shown = run("get", "cm", "--kubeconfig", "/nowhere/config")
        assert shown.code == exits.USAGE
        assert "/nowhere/config" in shown.err

    def test_a_context_that_is_not_there(self, run: Run) -> None:
        """A context that does not exist exits with 2 and is named."""
        shown = run("get", "cm", "--context", "nosuch")
        assert shown.code == exits.USAGE
        assert "nosuch" in shown.err

    def test_nobody_reads_the_output(self, kubeconfig: Path) -> None:
        """`dynkube ... | head -0` ends at once and silently."""
        reading, writing = os.pipe()
        os.close(reading)
        try:
            command = subprocess.run(
                [*PYTHON, "--kubeconfig", str(kubeconfig), "api-resources"],
                stdout=writing,
                stderr=subprocess.PIPE,
                check=False,
                timeout=60,
            )
        finally:
            os.close(writing)
        assert (command.returncode, command.stderr) == (exits.BROKEN_PIPE, b"")

    def test_verbose_tells_where_a_defect_is(self, kubeconfig: Path) -> None:
        """`-v` logs to standard error and leaves standard output to the answer."""
        command = subprocess.run(
            [*PYTHON, "-vv", "--kubeconfig", str(kubeconfig), "get", "ns", "default", "-o", "name"],
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )
        assert (command.returncode, command.stdout) == (exits.OK, "namespace/default\n")
        assert "dynkube" in command.stderr
