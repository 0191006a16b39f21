"""A program of a control plane: started, awaited until it answers, stopped."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dynkube.errors import ConfigError

#: Seconds between two looks at whether something is ready.
PAUSE: Final = 0.1
#: How many lines of its output tell why a program ended.
_LINES: Final = 10
#: Sleeps until the other end of its input is closed, which only this process holds: however that ended, if by SIGKILL.
_GUARD: Final = 'trap "" HUP INT TERM; read -r _; kill -9 "$1"; rm -rf "$2"'


class Program:
    """One running program and its files in `folder`. `attached`: its output goes where that of this process goes.

    It does not outlive this process: a guard ends it and removes the folder where nobody was left to do so.
    """

    def __init__(self, command: list[str], folder: Path, *, attached: bool = False) -> None:
        """Start it. Raises ConfigError when it is nothing that can be run here."""
        self._name = Path(command[0]).name
        self._command = command
        self._output = None if attached else folder / f"{self._name}.log"
        # Sessions of their own: Ctrl-C is for the tests, which still need the server to tidy up.
        with nullcontext() if self._output is None else self._output.open("wb") as stream:
            try:
                self._process = subprocess.Popen(  # noqa: S603
                    command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
                )
            except OSError as error:
                raise _not_runnable(Path(command[0]), error) from error
        try:
            self._guard = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_ready(self, url: str, timeout: float) -> None:
        """Wait until a URL of it answers 200. Raises ConfigError when it ends before, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not _answers(url):
            try:
                self._process.wait(PAUSE)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                raise ConfigError(
                    f"{self._name} did not answer within {timeout:g} s{self._last_lines()}", path=self._command[0]
                ) from None
            raise ConfigError(str(self), path=self._command[0])

    def stop(self, timeout: float) -> None:
        """End it with SIGTERM, and with SIGKILL after `timeout` seconds."""
        self._guard.kill()
        self._guard.communicate()
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __str__(self) -> str:
        """Return its name, how it is, and the last lines of its output."""
        code = self._process.poll()
        return f"{self._name} {'runs' if code is None else f'ended with code {code}'}{self._last_lines()}"

    def _last_lines(self) -> str:
        lines = self._output.read_text("utf-8", "replace").splitlines()[-_LINES:] if self._output is not None else []
        return ":\n" + "\n".join(lines) if lines else ""


def flags_of(program: Path) -> str:
    """Return what a program says about its flags, which come and go with versions. Raises ConfigError."""
    try:
        finished = subprocess.run([str(program), "--help"], capture_output=True, check=False, text=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_runnable(program, error) from error
    return finished.stdout + finished.stderr


def _not_runnable(path: Path, error: Exception) -> ConfigError:
    why = getattr(error, "strerror", None) or error
    return ConfigError(
        f"{path.name} cannot be run: {path}: {why}. It has to be a program for this system and processor",
        path=str(path),
    )


def _answers(url: str) -> bool:
    """Tell whether a URL answers 200; certificates are not looked at, as envtest does."""
    parts = urlsplit(url)
    link: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        link = http.client.HTTPSConnection(parts.netloc, timeout=5, context=context)
    else:
        link = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        link.request("GET", parts.path)
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
