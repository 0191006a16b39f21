"""`dynkube get -w`, `wait` and `events` while the server restarts, forgets and empties a namespace."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map
from cli.test_live import watching
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube.dynamic import Resource


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Run a server of this test's own: it is to be restarted."""
    with APIServer(controllers=False) as server:
        yield server


@pytest.fixture
def kubeconfig(server: APIServer, tmp_path: Path) -> Path:
    """Write a kubeconfig for it."""
    path = tmp_path / "config"
    server.write_kubeconfig(path)
    return path


@pytest.fixture
def config_maps(server: APIServer) -> Iterator[Resource]:
    """Return its config maps."""
    with server.client(qps=-1.0) as client:
        yield client.resource("v1", "configmaps").namespace("default")


class TestGetWatch:
    @pytest.mark.parametrize("form", [[], ["-o", "name"]], ids=["table", "name"])
    def test_a_version_that_was_forgotten(
        self, server: APIServer, config_maps: Resource, kubeconfig: Path, form: list[str]
    ) -> None:
        """After a 410 only what differs is shown: a missed deletion of what was listed is, what stayed is not."""
        for name in ("gone", "kept"):
            config_maps.create(config_map(name))
        command = ["get", "cm", "-w", "--no-headers", *form]
        with watching(kubeconfig, "default", *command, noisy=True) as out:
            assert [out.readline().split()[0].rpartition("/")[2] for _ in range(2)] == ["gone", "kept"]
            config_maps.create(config_map("seen"))  # once it is shown the watch stands
            assert out.readline().split()[0].rpartition("/")[2] == "seen"
            server.inject("error", path="/api/v1/namespaces/default/configmaps", watch=True, status=503, count=1)
            server.restart()
            config_maps.delete("gone")
            server.compact()
            config_maps.create(config_map("new"))
            assert [out.readline().split()[0].rpartition("/")[2] for _ in range(2)] == ["gone", "new"]

    def test_an_object_from_long_ago(self, server: APIServer, config_maps: Resource, kubeconfig: Path) -> None:
        """The version of a single object may be forgotten long since: the watch does not begin with a failure."""
        config_maps.create(config_map("old"))
        config_maps.create(config_map("other"))
        server.compact()
        with watching(kubeconfig, "default", "get", "cm", "old", "-w", "--no-headers") as out:
            assert out.readline().split()[:2] == ["old", "0"]
            config_maps.patch("old", {"data": {"k": "v"}})
            assert out.readline().split()[:2] == ["old", "1"]

    @pytest.mark.parametrize("form", [[], ["-o", "name"]], ids=["table", "name"])
    def test_an_object_that_may_not_be_listed(
        self, server: APIServer, config_maps: Resource, kubeconfig: Path, form: list[str]
    ) -> None:
        """Who may get and watch one object watches it, from the version it has."""
        config_maps.create(config_map("mine"))
        server.inject("error", path="/api/v1/namespaces/default/configmaps", method="GET", watch=False, status=403)
        with watching(kubeconfig, "default", "get", "cm", "mine", "-w", "--no-headers", *form) as out:
            assert out.readline().split()[0].rpartition("/")[2] == "mine"
            config_maps.patch("mine", {"data": {"k": "v"}})
            assert out.readline().split()[0].rpartition("/")[2] == "mine"

    def test_events_are_named(self, config_maps: Resource, kubeconfig: Path) -> None:
        """`--output-watch-events` says what happened to each object, in a first column."""
        config_maps.create(config_map("a"))
        with watching(kubeconfig, "default", "get", "cm", "-w", "--output-watch-events") as out:
            assert out.readline().split()[:2] == ["EVENT", "NAME"]
            assert out.readline().split()[:2] == ["ADDED", "a"]
            config_maps.patch("a", {"data": {"k": "v"}})
            assert out.readline().split()[:2] == ["MODIFIED", "a"]
            config_maps.delete("a")
            assert out.readline().split()[:2] == ["DELETED", "a"]


class TestEvents:
    @pytest.mark.parametrize("form", [["-o", "custom-columns=R:.reason"], []], ids=["objects", "table"])
    def test_a_version_that_was_forgotten(
        self, server: APIServer, config_maps: Resource, kubeconfig: Path, form: list[str]
    ) -> None:
        """What was shown before a 410 is not shown again after it, and what happened meanwhile is."""
        with server.client(qps=-1.0) as client:
            events = client.resource("v1", "events").namespace("default")

            def happen(reason: str) -> None:
                about = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "default"}
                events.create({"metadata": {"name": reason.lower()}, "involvedObject": about, "reason": reason})

            happen("Listed")
            with watching(kubeconfig, "default", "events", "-w", "--no-headers", *form, noisy=True) as out:
                assert "Listed" in out.readline()
                happen("Seen")
                assert "Seen" in out.readline()
                server.inject("error", path="/api/v1/namespaces/default/events", watch=True, status=503, count=1)
                server.restart()
                happen("Missed")
                server.compact()
                happen("Later")
                told = out.readline() + out.readline()
                assert "Missed" in told
                assert "Later" in told


class TestWait:
    def test_a_night_in_between(self, server: APIServer, config_maps: Resource, kubeconfig: Path) -> None:
        """A restart and a compaction are told on standard error, and end the wait neither well nor badly."""
        config_maps.create(config_map("a", {"k": "v"}))
        command = [sys.executable, "-m", "dynkube.cli", "--kubeconfig", str(kubeconfig), "wait", "cm/a"]
        wanted = ["--for=jsonpath={.data.k}=w", "--timeout=60s"]
        with subprocess.Popen(
            [*command, *wanted], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                look = threading.Event()
                while not any("watch=true" in request.query for request in server.requests):
                    assert process.poll() is None
                    look.wait(0.02)
                server.inject("error", path="/api/v1/namespaces/default/configmaps", watch=True, status=503, count=1)
                server.restart()
                config_maps.patch("a", {"data": {"k": "w"}})
                server.compact()
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        assert (process.returncode, out) == (0, "configmap/a condition met\n")
        assert "trying again in" in err
