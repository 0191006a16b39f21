"""`dynkube api-resources`, `api-versions` and `version` against the embedded server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import dynkube
from dynkube.cli.exits import OK, USAGE

if TYPE_CHECKING:
    from cli.running import Finished, Run
    from dynkube.dynamic import DynamicClient


def names(shown: Finished) -> set[str]:
    """Return the first word of each line."""
    return {line.split()[0] for line in shown.lines}


class TestAPIResources:
    def test_rows(self, run: Run) -> None:
        """A row has the plural, short names, group version, scope and kind."""
        shown = run("api-resources")
        assert shown.code == OK
        assert shown.lines[0].split() == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
        rows = [line.split() for line in shown.lines]
        assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in rows
        assert ["namespaces", "ns", "v1", "false", "Namespace"] in rows

    def test_scope(self, run: Run) -> None:
        """`--namespaced` and `--namespaced=false` share the resources out."""
        inside = names(run("api-resources", "--namespaced", "--no-headers", "-o", "name"))
        outside = names(run("api-resources", "--namespaced=false", "--no-headers", "-o", "name"))
        assert "deployments.apps" in inside
        assert "namespaces" in outside
        assert not inside & outside
        assert inside | outside == names(run("api-resources", "-o", "name"))

    def test_group(self, run: Run) -> None:
        """`--api-group` keeps one group; the empty word is the core group."""
        assert "deployments.apps" in names(run("api-resources", "--api-group=apps", "-o", "name"))
        core = names(run("api-resources", "--api-group=", "-o", "name"))
        assert "pods" in core
        assert not any("." in name for name in core)

    def test_verbs(self, run: Run) -> None:
        """`--verbs` keeps resources that offer all of them."""
        assert "bindings" not in names(run("api-resources", "--verbs=list,watch", "-o", "name"))
        assert "bindings" in names(run("api-resources", "--verbs=create", "-o", "name"))

    def test_categories(self, run: Run) -> None:
        """`--categories` keeps the resources of a category."""
        shown = names(run("api-resources", "--categories=all", "-o", "name"))
        assert "pods" in shown
        assert "configmaps" not in shown

    def test_wide(self, run: Run) -> None:
        """`-o wide` adds verbs and categories."""
        shown = run("api-resources", "-o", "wide", "--api-group=apps")
        assert shown.lines[0].split()[-2:] == ["VERBS", "CATEGORIES"]
        row = next(line for line in shown.lines if line.startswith("deployments "))
        assert row.split()[-2:] == ["create,delete,deletecollection,get,list,patch,update,watch", "all"]

    @pytest.mark.parametrize(("sort_by", "column"), [("name", 0), ("kind", -1)])
    def test_order(self, run: Run, sort_by: str, column: int) -> None:
        """`--sort-by` orders by name or kind."""
        values = [line.split()[column] for line in run("api-resources", "--no-headers", "--sort-by", sort_by).lines]
        assert values == sorted(values)

    def test_nothing_matches(self, run: Run) -> None:
        """No row is no failure."""
        assert run("api-resources", "--api-group=nosuch.example.com", "--no-headers") == (OK, "", "")


class TestAPIVersions:
    def test_sorted(self, run: Run) -> None:
        """Every group version, one a line, sorted."""
        shown = run("api-versions")
        assert shown.code == OK
        assert shown.lines == sorted(shown.lines)
        assert {"v1", "apps/v1", "apiextensions.k8s.io/v1"} <= set(shown.lines)


class TestVersion:
    def test_both(self, run: Run) -> None:
        """The client's version, then the server's."""
        shown = run("version")
        assert shown.code == OK
        assert shown.lines[0].startswith(f"Client Version: {dynkube.__version__} ")
        assert shown.lines[1].startswith("Server Version: v1.36")

    def test_client_only(self, run: Run) -> None:
        """`--client` asks no server: it works with no configuration at all."""
        shown = run("version", "--client", "--kubeconfig", "/nowhere")
        assert shown.code == OK
        assert len(shown.lines) == 1

    def test_json(self, run: Run) -> None:
        """`-o json` has everything the server says."""
        body = json.loads(run("version", "-o", "json").out)
        assert body["clientVersion"]["version"] == dynkube.__version__
        assert body["serverVersion"]["major"] == "1"

    def test_no_configuration(self, run: Run) -> None:
        """Without a server to ask, the client's version is printed and the exit code says what is wrong."""
        shown = run("version", "--kubeconfig", "/nowhere/config")
        assert shown.code == USAGE
        assert shown.lines[0].startswith("Client Version: ")
        assert "/nowhere/config" in shown.err


class TestExplain:
    def test_addresses_are_left_whole(self, run: Run, dyn: DynamicClient, namespace: str) -> None:
        """A long URL in a description is not broken at a hyphen or at the margin: it is there to be copied."""
        url = f"https://example.com/{'contributors-of-design/' * 4}api-conventions.md#metadata"
        field = {"type": "string", "description": f"More of this is to be read, as everything, at: {url}"}
        group, plural = f"{namespace}.example.com", "leaflets"
        version: dict[str, Any] = {"name": "v1", "served": True, "storage": True}
        version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"at": field}}}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Cluster",
                "names": {"plural": plural, "kind": "Leaflet"},
                "versions": [version],
            },
        }
        dyn.crds().install(definition, field_manager="test")
        shown = run("explain", f"{plural}.at", f"--api-version={group}/v1")
        assert shown.code == OK
        assert f"    {url}" in shown.lines
