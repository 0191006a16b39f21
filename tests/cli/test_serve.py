"""`dynkube serve` as a process: ready line, options, and a clean end."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

import dynkube
from cli.objects import config_map, deployment
from dynkube.cli import main
from dynkube.cli.exits import OK, USAGE
from dynkube.objects import load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = [sys.executable, "-m", "dynkube.cli"]


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `dynkube serve` and give the process and its address once it says that it is ready."""
    with subprocess.Popen(
        [*PYTHON, "serve", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = _stream(process.stdout).readline()
            assert line.startswith("dynkube: serving http"), line + _stream(process.stderr).read()
            yield process, line.split()[-1]
        finally:
            process.kill()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(number: signal.Signals) -> None:
    """SIGTERM and SIGINT end it with 0, after exactly one line of output."""
    with serving() as (process, url):
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (OK, "", "")


def test_kubeconfig_and_loaded_objects(tmp_path: Path) -> None:
    """The kubeconfig it writes is private and works as it is; loaded objects are there when it is ready."""
    kubeconfig, manifest = tmp_path / "config", tmp_path / "a.yaml"
    manifest.write_text(json.dumps(config_map("loaded", {"k": "v"}, namespace="default")))
    with (
        serving("--tls", "--kubeconfig-out", str(kubeconfig), "--load", str(manifest)) as (_, url),
        dynkube.connect(kubeconfig=kubeconfig) as dyn,
    ):
        assert url.startswith("https://127.0.0.1:")
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
        assert dyn.resource("v1", "configmaps").namespace("default").get("loaded")["data"] == {"k": "v"}


def test_tokens(tmp_path: Path) -> None:
    """With a token file, nobody comes in without one of its tokens, and the kubeconfig carries one that may."""
    tokens, kubeconfig = tmp_path / "tokens.csv", tmp_path / "config"
    tokens.write_text('sesame,alice,1,"system:masters"\nweak,bob,2\n')
    with serving("--tls", "--token-auth-file", str(tokens), "--kubeconfig-out", str(kubeconfig)) as (_, url):
        with dynkube.connect(kubeconfig=kubeconfig) as dyn:
            assert dyn.resource("ns").get("default")["metadata"]["name"] == "default"
        for token, refusal in (("wrong", dynkube.Unauthorized), ("weak", dynkube.Forbidden)):
            with dynkube.connect(kubeconfig=kubeconfig, bearer_token=token) as dyn, pytest.raises(refusal):
                dyn.resource(dynkube.GroupVersionResource("", "v1", "namespaces")).get("default")
        assert url in load_yaml(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]


def test_data_survives_a_kill(tmp_path: Path) -> None:
    """With `--data`, what was acknowledged is there after a kill."""
    kubeconfig, data = tmp_path / "config", tmp_path / "data"
    words = ("--data", str(data), "--kubeconfig-out", str(kubeconfig))
    with serving(*words) as (process, _), dynkube.connect(kubeconfig=kubeconfig, namespace="default") as dyn:
        dyn.resource("v1", "configmaps").create(config_map("kept", {"k": "v"}))
        process.kill()
        process.wait(timeout=20)
    with serving(*words), dynkube.connect(kubeconfig=kubeconfig, namespace="default") as dyn:
        assert dyn.resource("v1", "configmaps").get("kept")["data"] == {"k": "v"}


def test_listening_to_other_machines_is_warned_of() -> None:
    """An address beyond loopback is honoured, and what that means is said on standard error."""
    with serving("--address", "0.0.0.0") as (process, _):
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert "can be reached from other machines" in err


class TestMistakes:
    def test_port_in_use(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A port that is taken is named, with exit code 2 and no traceback."""
        with serving() as (_, url):
            port = url.rpartition(":")[2]
            assert main(["serve", "--port", port]) == USAGE
        err = capsys.readouterr().err
        assert port in err
        assert err.count("\n") == 1

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--token-auth-file", "/nowhere/tokens"], "/nowhere/tokens"),
            (["--load", "/nowhere/a.yaml"], "/nowhere/a.yaml"),
            (["--address", "not-an-address"], "not-an-address"),
            (["--port", "70000"], "70000"),
            (["--kubeconfig-out", "/dev/null/config"], "/dev/null"),
        ],
    )
    def test_unusable_options(self, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
        """What cannot be used is named; the server does not stay half started."""
        assert main(["serve", *words]) == USAGE
        shown = capsys.readouterr()
        assert message in shown.err
        assert shown.out == ""


def test_simulated_life(tmp_path: Path) -> None:
    """`--simulate` has workloads make pods that run on nodes that are not there; its options imply it."""
    kubeconfig, manifest = tmp_path / "config", tmp_path / "web.yaml"
    manifest.write_text(json.dumps(deployment("web", namespace="default")))
    words = ("--kubeconfig-out", str(kubeconfig), "--load", str(manifest))
    with (
        serving("--simulate-delay=0.01", "--simulate-nodes", "3", *words),
        dynkube.connect(kubeconfig=kubeconfig) as dyn,
    ):
        dyn.resource("deploy").wait("web", dynkube.condition("Available"), timeout=30)
        assert [pod["status"]["phase"] for pod in dyn.resource("pods").list()["items"]] == ["Running"]
        assert len(dyn.resource("nodes").list()["items"]) == 3


@pytest.mark.parametrize("words", [["--simulate-delay=-1"], ["--simulate-nodes=-1"], ["--simulate-nodes=two"]])
def test_simulations_that_cannot_be(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A negative time or number of nodes exits with 2 and one line."""
    assert main(["serve", *words]) == USAGE
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
