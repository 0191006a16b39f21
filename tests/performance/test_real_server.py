"""The benchmarks run on any server a kubeconfig leads to."""

from __future__ import annotations

import re

import pytest

import benchmarks.__main__
import dynkube
from benchmarks import creating, real_server


def test_rows_of_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    """Each job prints both medians and the ratios of time and CPU; nothing is written to the server."""
    with real_server.embedded_server(pods=20) as kubeconfig:
        assert real_server.main(kubeconfig, rounds=1) == 0
    first, _, *rows = capsys.readouterr().out.splitlines()
    assert "20 pods" in first
    assert [re.split(r" {2,}", row)[0] for row in rows] == [
        "get of a namespace",
        "list of all pods",
        "all pods, page by page",
        "an event for each pod",
        "informer of all pods",
    ]
    assert all(re.search(r"ms +[\d.]+ ms +[\d.]+ +[\d.]+$", row) for row in rows)


def test_creates_leave_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Creates print their rows and the verdict, and the namespace they were made in is deleted afterwards."""
    monkeypatch.setattr(creating, "FEW_CREATES", 16)
    monkeypatch.setattr(creating, "FEW", 8)
    with real_server.embedded_server(pods=1) as kubeconfig:
        held = real_server.main(kubeconfig, rounds=1, write=True) == 0
        with dynkube.connect(kubeconfig=kubeconfig) as client:
            made = [
                each["metadata"]
                for each in client.resource("namespaces").list()["items"]
                if each["metadata"]["name"].startswith("dynkube-bench-")
            ]
    rows = capsys.readouterr().out.splitlines()[-4:]
    assert [re.split(r" {2,}", row)[0] for row in rows[:3]] == [
        "create, 1 thread",
        "create, 8 threads",
        "8 threads over 1: rate",
    ]
    assert rows[3].startswith("held" if held else "MISSED")
    # It is served without controllers, so what is deleted waits for one to empty it.
    assert [bool(metadata.get("deletionTimestamp")) for metadata in made] == [True]


def test_creates_only_where_told() -> None:
    """--write without --kubeconfig is refused: the current context is not asked to store anything by default."""
    with pytest.raises(SystemExit) as refused:
        benchmarks.__main__.main(["--write"])
    assert refused.value.code == 2
