"""What watches over the suite: it finds what it is there to find, and only that."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynkube.config import Config, Kubeconfig
from dynkube.errors import ConfigError, TransportError
from watching.left_behind import Census, temporary_files
from watching.secrets import Watch

if TYPE_CHECKING:
    from watching.plugin import Watcher

TESTS = Path(__file__).parents[1]


@pytest.fixture
def watch() -> Watch:
    """Return a watch that knows one credential."""
    watch = Watch()
    watch.learn("s3cret-value")
    return watch


def test_a_credential_in_any_text_is_found(watch: Watch) -> None:
    """Text that holds a known credential is reported with where it was said; other text is not."""
    watch.hear("log record", "all is well")
    watch.hear("repr", "<Thing s3cret-value>")
    (finding,) = watch.findings()
    assert finding.startswith("repr shows the credential 's3cret-value'")
    assert watch.findings() == []


def test_the_causes_of_an_exception_are_looked_at(watch: Watch) -> None:
    """A credential in the text of what caused an exception is found, however deep."""
    try:
        try:
            raise ValueError("bad s3cret-value")
        except ValueError as cause:
            raise ConfigError("the outer text is clean") from cause
    except ConfigError as error:
        watch.hear_exception(error)
    assert len(watch.findings()) == 1


def test_a_private_key_is_known_by_one_of_its_lines(watch: Watch) -> None:
    """Any text with a line of the key's base64 is found; the frame of the PEM is no secret."""
    watch.learn("-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n" + "B" * 64 + "\n-----END PRIVATE KEY-----\n")
    watch.hear("repr", "-----BEGIN PRIVATE KEY-----")
    assert watch.findings() == []
    watch.hear("repr", "x" + "B" * 64)
    assert len(watch.findings()) == 1


@pytest.mark.parametrize("text", ["t", "static", "***", ""])
def test_what_is_no_credential_is_not_looked_for(text: str) -> None:
    """Short and common words, masks and nothing are not credentials that could be recognised."""
    watch = Watch()
    watch.learn(text)
    watch.hear("repr", f"<{text}>")
    assert watch.findings() == []


def test_credentials_are_learned_from_configurations(watcher: Watcher) -> None:
    """Whatever a configuration or kubeconfig holds is known from then on, and a message that shows it is found."""
    Config(host="https://x", username="me", password="learned-passw0rd")
    Kubeconfig.load({"users": [{"name": "u", "user": {"token": "learned-t0ken"}}]}).users  # noqa: B018 - read for effect
    TransportError("told learned-passw0rd")
    TransportError("told learned-t0ken")
    assert len({finding.split(":")[0] for finding in watcher.watch.findings()}) == 2


def test_threads_and_sockets_are_put_down_to_the_test_they_appeared_in() -> None:
    """What is there at the end and was not at the start is named, with the test; what went away is not."""
    census = Census()
    census.begin()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="left-over")
    thread.start()
    left, right = socket.socketpair()
    census.note("test_a")
    found = census.left()
    stop.set()
    thread.join(10)
    left.close()
    right.close()
    assert len(found) == 3 if Path("/proc/self/fd").is_dir() else 1
    assert all(line.endswith(", since test_a") for line in found)
    census.note("test_b")
    assert not any("left-over" in line for line in census.left())


def test_temporary_files_are_listed(tmp_path: Path) -> None:
    """Every file in the folder for temporary files is one too many."""
    assert temporary_files(tmp_path) == []
    (tmp_path / "key").touch()
    assert temporary_files(tmp_path) == [f"temporary file {tmp_path / 'key'}"]


LEAKING = """
import logging, tempfile, threading
from dynkube.config import Config
from dynkube.errors import ConfigError
import pytest

def test_log():
    Config(host="https://x", bearer_token="wr1tten-down")
    logging.getLogger("dynkube.x").warning("using %s", "wr1tten-down")

def test_exception():
    Config(host="https://x", bearer_token="wr1tten-down")
    with pytest.raises(ValueError):
        raise ValueError("no: wr1tten-down")

def test_clean():
    Config(host="https://x", bearer_token="wr1tten-down")

def test_thread_and_file():
    threading.Thread(target=threading.Event().wait, name="left-over", daemon=True).start()
    tempfile.mkstemp()
"""


def test_a_run_that_leaks_fails(tmp_path: Path) -> None:
    """The plug-in fails the tests that show a credential, and the run that leaves a thread and a file behind."""
    (tmp_path / "test_leaking.py").write_text(LEAKING)
    source = "import sys\nimport watching.plugin\nwatching.plugin.PATIENCE = 0.1\n"
    (tmp_path / "conftest.py").write_text(f'{source}pytest_plugins = ["watching.plugin"]\n')
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--basetemp",
        str(tmp_path / "base"),
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    run = subprocess.run(
        command, capture_output=True, check=False, cwd=tmp_path, env=environment, text=True, timeout=60
    )
    said = run.stdout + run.stderr
    assert run.returncode == 1, said
    assert "4 passed" in said
    assert "3 errors" in said
    assert "log record shows the credential" in said
    assert "exception shows the credential" in said
    assert "left behind by this run" in said
    assert "thread left-over" in said
    assert "test_thread_and_file" in said
    assert "temporary file" in said
