"""The interpreter ends while informers run: at once, without a traceback, whatever they are in the middle of."""

from __future__ import annotations

import subprocess
import sys
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from chaos.processes import PLACES, environment
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Starts informers and a watch in a thread, waits until handlers are being told, and ends in one way or another.
SCRIPT = """
import sys, threading
from dynkube.config import Config
from dynkube.dynamic import DynamicClient
from dynkube.names import GroupVersionResource

client = DynamicClient(Config(host=sys.argv[1]))
told = threading.Event()
for resource in ("pods", "configmaps", "secrets"):
    source = client.resource(GroupVersionResource("", "v1", resource)).namespace("default")
    informer = source.informer(resync_period=0.001)
    informer.add_handler(on_add=lambda obj, _: told.set(), on_update=lambda old, new: told.set())
    informer.start()
maps = client.resource(GroupVersionResource("", "v1", "configmaps")).namespace("default")
watcher = maps.watch()
threading.Thread(target=lambda: list(watcher), daemon=True).start()
dead = DynamicClient(Config(host="http://127.0.0.1:9"))
dead.resource(GroupVersionResource("", "v1", "pods")).namespace("default").informer().start()
assert told.wait(30)
"""
ENDS = {
    "the end of the script": ("", 0, ""),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "an exception": ("raise RuntimeError('over')", 1, "RuntimeError: over"),
    "Ctrl-C": ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
    "exit from a thread that waits": ("informer.wait_for_sync(); sys.exit(0)", 0, ""),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the address of a server that has something to tell."""
    with APIServer(controllers=False) as server, server.client() as client:
        client.resource("v1", "configmaps").namespace("default").create({"metadata": {"name": "a"}})
        yield server.url


@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends_with_informers_running(end: str, url: str) -> None:
    """No thread of ours keeps a program alive or complains while it goes down."""
    code, status, last = ENDS[end]
    started = monotonic()
    run = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", SCRIPT + code, url],
        cwd=PLACES[0],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert monotonic() - started < 30
    said = [line for line in run.stderr.splitlines() if "trying again in" not in line]
    assert run.returncode in {status, -2 if end == "Ctrl-C" else status}
    if last:
        assert said[-1].startswith(last.partition(":")[0])
        assert sum(line.startswith("Traceback") for line in said) == 1
    else:
        assert said == []
