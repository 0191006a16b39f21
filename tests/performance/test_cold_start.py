"""What a program loads and runs before its first answer, beyond what ``import requests`` loads; nothing is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What a cold start imports of others beyond `import requests`, by top-level name. Every program's start pays for each:
#: `dataclasses`, with what it brings and makes, was a seventh of it.
OTHERS = {"cachetools", "concurrent", "gc", "html"}
OTHERS_OF_A_KUBECONFIG = OTHERS | {"encodings", "yaml"}
#: Modules of dynkube: 76 when this was recorded, 86 from a kubeconfig.
MODULES, MODULES_OF_A_KUBECONFIG = 78, 88
#: Functions, class bodies and module bodies of dynkube entered: 916 when this was recorded.
CALLS = 1_000

#: Runs in a process of its own and prints what it imports and how much it enters.
PROGRAM = """
import json, sys
import requests
before = set(sys.modules)
calls = 0
def profile(frame, event, argument):
    global calls
    calls += event == "call" and "/dynkube/" in frame.f_code.co_filename.replace("\\\\", "/")
sys.setprofile(profile)
import dynkube
{start}
client.resource("v1", "configmaps").namespace("default").get("a")
sys.setprofile(None)
print(json.dumps({{"modules": sorted(set(sys.modules) - before), "calls": calls}}))
client.close()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Run a TLS server with one config map called a."""
    with APIServer(tls=True) as running:
        with running.client() as client:
            client.resource("v1", "configmaps").namespace("default").create({"metadata": {"name": "a"}})
        yield running


def test_a_first_get_loads_little(server: APIServer) -> None:
    """From the import to the first answer nothing is loaded that was not agreed on, and little is run."""
    loaded, calls = _cold_start(_configured(server))
    assert _others(loaded) <= OTHERS
    assert len(_own(loaded)) <= MODULES
    assert calls <= CALLS


def test_a_first_get_with_a_disk_cache_loads_little(server: APIServer, tmp_path: Path) -> None:
    """The cache of an earlier process spares the requests and costs one module."""
    start = _configured(server, f", cache={str(tmp_path)!r}")
    _cold_start(start)
    server.clear_requests()
    loaded, calls = _cold_start(start)
    assert len(server.requests) == 1
    assert _others(loaded) <= OTHERS
    assert len(_own(loaded)) <= MODULES + 1
    assert calls <= CALLS


def test_a_first_get_from_a_kubeconfig_loads_little(server: APIServer, tmp_path: Path) -> None:
    """A kubeconfig adds the YAML parser and its own modules."""
    path = server.write_kubeconfig(tmp_path / "config")
    loaded, _ = _cold_start(f"client = dynkube.connect(kubeconfig={str(path)!r})")
    assert _others(loaded) <= OTHERS_OF_A_KUBECONFIG
    assert len(_own(loaded)) <= MODULES_OF_A_KUBECONFIG


def test_the_import_raises_no_warning() -> None:
    """`import dynkube` is silent where warnings are errors."""
    assert _run("import dynkube; dynkube.DynamicClient", "-W", "error") == ""


def _configured(server: APIServer, options: str = "") -> str:
    config = server.config()
    given: dict[str, Any] = {"host": config.host, "ca_data": config.ca_data, "bearer_token": config.bearer_token}
    return f"client = dynkube.DynamicClient(dynkube.Config(**{given!r}){options})"


def _cold_start(start: str) -> tuple[list[str], int]:
    said = json.loads(_run(PROGRAM.format(start=start)))
    return said["modules"], said["calls"]


def _run(program: str, *options: str) -> str:
    return subprocess.run(
        [sys.executable, *options, "-c", program], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def _own(modules: list[str]) -> list[str]:
    return [name for name in modules if name.partition(".")[0] == "dynkube"]


def _others(modules: list[str]) -> set[str]:
    # Private modules belong to a public one.
    return {name.partition(".")[0] for name in modules if not name.startswith("_")} - {"dynkube"}
