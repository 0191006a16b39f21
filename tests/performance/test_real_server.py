"""The benchmarks run on any server a kubeconfig leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks import real_server

if TYPE_CHECKING:
    import pytest


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
        "informer of all pods",
    ]
    assert all(re.search(r"ms +[\d.]+ ms +[\d.]+ +[\d.]+$", row) for row in rows)
