"""`dynkube explain`: which resource and field is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.cli.exits import REFUSED

if TYPE_CHECKING:
    from cli.running import Run


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("deployments.apps", ["GROUP:      apps", "KIND:       Deployment"]),
        ("deploy.apps.spec.replicas", ["GROUP:      apps", "FIELD: replicas <integer>"]),
        ("ingress.networking.k8s.io.spec", ["GROUP:      networking.k8s.io", "FIELD: spec <IngressSpec>"]),
        ("deploy.spec.replicas", ["GROUP:      apps", "FIELD: replicas <integer>"]),
    ],
)
def test_group_after_the_resource(run: Run, target: str, lines: list[str]) -> None:
    """A resource may be named with its group, as everywhere; what follows is the path."""
    shown = run("explain", target)
    assert set(lines) <= set(shown.lines), shown


@pytest.mark.parametrize("target", ["deploy.batch", "deploy.batch.spec"])
def test_group_without_the_resource(run: Run, target: str) -> None:
    """What is served in another group only has no such field either."""
    shown = run("explain", target)
    assert (shown.code, shown.err) == (REFUSED, "error: Deployment has no field 'batch'\n")
