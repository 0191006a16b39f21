"""Every example runs, as a program of its own, and says what it should.

On the server the environment asks for (docs/testing.rst), the embedded one by default.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynkube.testing import APIServer, Simulation
from dynkube.testing.envtest import from_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parent.parent / "examples"

#: What each example prints, at least: every line here is a line there, in this order.
EXPECTED = {
    "apply_folder": [
        "CustomResourceDefinition/crontabs.stable.example.com created",
        "Namespace/dynkube-folder created",
        "ConfigMap/settings created",
        "Crontab/nightly created",
        "Namespace/dynkube-folder unchanged",
        "Crontab/nightly unchanged",
        "ConfigMap/settings pruned",
    ],
    "custom_resource": [
        "installed stable.example.com/v1, Resource=shirts",
        "the shirt is blue",
        "row blue blue",
        "Shirt is served in v1 and stored in v1",
    ],
    "errors": [
        "InvalidNameError: name '../secrets' contains '/', which no name may; give one plain, unescaped name",
        "NotFound: 404 NotFound not-there",
        "Invalid: ['metadata.name']",
    ],
    "explore": ["group versions: apps_v1 batch_v1 core_v1", "Explored: somebody looked at it"],
    "first_steps": [
        "created web with 2 replicas",
        "patched to 3",
        "listed Deployment web",
        "there is a web: False",
    ],
    "many_objects": [
        "sum of the even ones: 2450",
        "100 names from number-00 to number-99",
        "page 0 has 60",
        "page 1 has 40",
        "left after deleting the odd ones: 50",
    ],
    "print_tables": [],
    "scale": ["Scale of autoscaling/v1 says 1", "replaced: 4", "patched: 2"],
    "server_side_apply": [
        "both own a part: {'color': 'blue', 'size': 'M'}",
        "conflict about .data.color",
        "forced: red",
    ],
    "validation_rules": [
        "{'size': 9} -> spec.size: Invalid value: no size is above 5",
        "{'largest': 4} -> spec.largest: Invalid value: 4: it only grows",
        "{'largest': 9, 'size': 9} -> fits",
    ],
    "wait_for_condition": ["phase: Done", "not ready; last seen with {'phase': 'Done'}", "gone"],
    "watch_changes": [
        "ADDED dynkube-watched",
        "MODIFIED dynkube-watched",
        "DELETED dynkube-watched",
        "the watch has ended: True",
    ],
}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the server, or reach it, and write a kubeconfig for it."""
    with from_environment() as server:
        yield server.write_kubeconfig(tmp_path_factory.mktemp("kube") / "config")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_example_does_what_it_says(name: str, kubeconfig: Path) -> None:
    """The program ends well and prints its lines in their order."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    position = 0
    for line in EXPECTED[name]:
        assert line in printed[position:], done.stdout
        position = printed.index(line, position) + 1


#: What those examples print whose workloads have to live, whatever server the environment asks for.
LIVING = {
    "rollout": ["restarted: 2 replicas are available", "back at nginx:1.28"],
    # Controllers write to the deployment as well, as in every cluster: replacing its scale is tried again.
    "scale": EXPECTED["scale"],
}


@pytest.mark.parametrize("name", sorted(LIVING))
def test_examples_with_controllers_about(name: str, tmp_path: Path) -> None:
    """Where workloads make pods, and controllers write their statuses, the program does what it says."""
    with APIServer(simulate=Simulation(delay=0.001)) as server:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / f"{name}.py")],
            env={**os.environ, "KUBECONFIG": str(server.write_kubeconfig(tmp_path / "config"))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == LIVING[name]


def test_speaking_with_containers(tmp_path: Path) -> None:
    """Where pods run, commands give back output and exit code, and logs end."""
    with APIServer(simulate=Simulation(delay=0.001)) as server:
        server.containers.set_log("default", "dynkube-box", "ready\n")
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "containers.py")],
            env={**os.environ, "KUBECONFIG": str(server.write_kubeconfig(tmp_path / "config"))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "0 hello",
        "back again: some input",
        "the command ended with exit code 1",
        "stdout a conversation",
        "ended with 0",
        "log: ready",
        "the log: the server ended the log",
    ]


def test_a_table_is_printed_in_columns(kubeconfig: Path) -> None:
    """print_tables shows the namespaces there are under the server's headers."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "print_tables.py"), "namespaces"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATUS", "AGE"]
    assert any(line.startswith("default ") for line in lines)


def test_no_example_is_left_out() -> None:
    """Each file in examples/ is run by a test; the operator, which runs until told to stop, in tests/controller."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*EXPECTED, *LIVING, "containers", "greeting_operator"}
