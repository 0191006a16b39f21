"""`dynkube get --raw` and `--subresource`: what is at a path, and parts of objects."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map, deployment
from dynkube.cli.exits import OK, REFUSED, USAGE

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource


@pytest.fixture
def config_maps(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps").namespace(namespace)


@pytest.fixture
def deployments(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the deployments of the test's namespace, of which there is one, web."""
    deployments = dyn.resource("apps/v1", "deployments").namespace(namespace)
    deployments.create(deployment("web"))
    return deployments


class TestRaw:
    def test_text(self, run: Run) -> None:
        """The body is printed as it comes, without a newline of ours."""
        assert run("get", "--raw", "/healthz") == (OK, "ok", "")

    def test_object(self, run: Run, config_maps: Resource, namespace: str) -> None:
        """Neither is JSON laid out anew."""
        config_maps.create(config_map("a", {"k": "v"}))
        shown = run("get", "--raw", f"/api/v1/namespaces/{namespace}/configmaps/a")
        assert json.loads(shown.out)["data"] == {"k": "v"}
        assert "managedFields" in shown.out

    def test_query(self, run: Run, config_maps: Resource, namespace: str) -> None:
        """The path may have a query, spaces and all."""
        config_maps.create(config_map("a", labels={"app": "web"}))
        config_maps.create(config_map("b"))
        shown = run("get", "--raw", f"/api/v1/namespaces/{namespace}/configmaps?labelSelector=app in (web)")
        assert [item["metadata"]["name"] for item in json.loads(shown.out)["items"]] == ["a"]

    def test_stream(self, config_maps: Resource, kubeconfig: Path, namespace: str) -> None:
        """What the server sends bit by bit is printed so, not gathered until its end."""
        config_maps.create(config_map("a"))
        path = f"/api/v1/namespaces/{namespace}/configmaps?watch=true"
        command = [sys.executable, "-m", "dynkube.cli", "--kubeconfig", str(kubeconfig), "get", "--raw", path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                assert json.loads(process.stdout.readline())["type"] == "ADDED"
            finally:
                process.kill()

    def test_refusals(self, run: Run, namespace: str) -> None:
        """What the server refuses is reported as of any other command."""
        shown = run("get", "--raw", f"/api/v1/namespaces/{namespace}/configmaps/nosuch")
        assert shown == (REFUSED, "", 'Error from server (NotFound): configmaps "nosuch" not found\n')

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["cm"], "arguments may not be passed when --raw is specified"),
            (["-f", "x.yaml"], "arguments may not be passed when --raw is specified"),
            (["-o", "yaml"], "--raw and --output are mutually exclusive"),
            (["-w"], "put selectors and the like into its query"),
            (["-l", "a=b"], "put selectors and the like into its query"),
            (["--subresource=scale"], "put selectors and the like into its query"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_contradictions(self, run: Run, words: list[str], message: str) -> None:
        """What has no meaning for a path exits with 2."""
        shown = run("get", "--raw", "/healthz", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err

    @pytest.mark.parametrize("path", ["healthz", "", "http://127.0.0.1/healthz", "/api/../healthz", "/./healthz"])
    def test_no_path(self, run: Run, path: str) -> None:
        """What is no path, or would be another one by the time it arrives, exits with 2."""
        shown = run("get", "--raw", path)
        assert (shown.code, shown.out) == (USAGE, "")
        assert repr(path) in shown.err


@pytest.mark.usefixtures("deployments")
class TestSubresource:
    def test_object(self, run: Run) -> None:
        """The subresource is printed in place of the object."""
        assert run("get", "deploy", "web", "--subresource=scale", "-o", "name").out == "scale.autoscaling/web\n"

    def test_table(self, run: Run) -> None:
        """It is printed by the server, or as what no server prints: by its name and age."""
        shown = run("get", "deploy/web", "deploy/nosuch", "--subresource=scale")
        assert [line.split()[0] for line in shown.lines] == ["NAME", "web"]
        assert shown.err == 'Error from server (NotFound): deployments.apps "nosuch" not found\n'

    def test_status(self, run: Run) -> None:
        """The status subresource is the whole object, and printed so."""
        assert run("get", "deploy", "web", "--subresource=status").lines[0].split()[:2] == ["NAME", "READY"]

    def test_manifest(self, run: Run) -> None:
        """The object may be named by a manifest."""
        shown = run(
            "get", "-f", "-", "--subresource=scale", "-o", "jsonpath={.kind}", stdin=json.dumps(deployment("web"))
        )
        assert shown == (OK, "Scale", "")

    @pytest.mark.parametrize("words", [["deploy"], ["deploy", "-l", "app=web"], ["all"]], ids=" ".join)
    def test_without_names(self, run: Run, words: list[str]) -> None:
        """A list has no subresources."""
        shown = run("get", *words, "--subresource=scale")
        assert shown == (USAGE, "", "error: --subresource is of objects: name them\n")

    def test_no_such_subresource(self, run: Run) -> None:
        """What the resource has instead is said."""
        shown = run("get", "deploy", "web", "--subresource=sacle")
        assert (shown.code, shown.out) == (USAGE, "")
        assert "has no subresource 'sacle'; the server offers: scale, status" in shown.err

    def test_log(self, run: Run) -> None:
        """A log is no object to print; where it is had is said."""
        shown = run("get", "pod", "web", "--subresource=log")
        assert (shown.code, shown.out) == (USAGE, "")
        assert "get --raw /api/v1/namespaces/NAMESPACE/pods/NAME/log" in shown.err

    def test_watch(self, run: Run) -> None:
        """A subresource cannot be watched."""
        assert run("get", "deploy", "web", "--subresource=scale", "-w").code == USAGE
