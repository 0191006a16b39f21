"""`dynkube get` against the embedded server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map, deployment
from dynkube.cli.exits import OK, REFUSED, USAGE
from dynkube.objects import load_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient


@pytest.fixture(autouse=True)
def objects(dyn: DynamicClient, namespace: str) -> None:
    """Make a deployment and two config maps, one of them labelled."""
    dyn.resource("apps/v1", "deployments").namespace(namespace).create(deployment("web"))
    config_maps = dyn.resource("v1", "configmaps").namespace(namespace)
    config_maps.create(config_map("settings", {"colour": "blue"}, labels={"app": "web", "tier": "front"}))
    config_maps.create(config_map("limits", {"requests": "100", "memory": "1Gi"}))


class TestTables:
    def test_columns_are_the_servers(self, run: Run) -> None:
        """A list is printed in the server's columns, heading first."""
        shown = run("get", "configmaps")
        assert shown.code == OK
        assert shown.err == ""
        assert [line.split()[:2] for line in shown.lines] == [["NAME", "DATA"], ["limits", "2"], ["settings", "1"]]

    @pytest.mark.parametrize("resource", ["deploy", "deployment", "deployments", "deployments.apps", "Deployment"])
    def test_every_name_of_a_resource(self, run: Run, resource: str) -> None:
        """Short name, singular, plural, with group, kind: all find the same."""
        shown = run("get", resource, "web")
        assert shown.code == OK
        assert shown.lines[1].split()[:2] == ["web", "0/1"]

    def test_wide(self, run: Run) -> None:
        """`-o wide` adds the columns the server marks as less important."""
        assert "IMAGES" not in run("get", "deploy").lines[0]
        assert "IMAGES" in run("get", "deploy", "-o", "wide").lines[0]

    def test_several_resources(self, run: Run) -> None:
        """Several resources are printed one after the other, names with their kind, a blank line between."""
        shown = run("get", "deploy,cm")
        names = [line.split()[0] if line else "" for line in shown.lines]
        assert names == ["NAME", "deployment.apps/web", "", "NAME", "configmap/limits", "configmap/settings"]

    def test_several_names(self, run: Run) -> None:
        """Names are printed in the order they were asked for, under one heading."""
        assert [line.split()[0] for line in run("get", "cm", "settings", "limits").lines] == [
            "NAME",
            "settings",
            "limits",
        ]

    def test_slash_form(self, run: Run) -> None:
        """`resource/name` may be mixed over resources."""
        assert [line.split()[0] for line in run("get", "cm/settings", "deploy/web", "--no-headers").lines if line] == [
            "configmap/settings",
            "deployment.apps/web",
        ]

    def test_all_namespaces(self, run: Run, namespace: str) -> None:
        """`-A` adds a column with the namespace."""
        shown = run("get", "cm", "-A")
        assert shown.lines[0].split()[:2] == ["NAMESPACE", "NAME"]
        assert [namespace, "limits"] in [line.split()[:2] for line in shown.lines]

    def test_selectors(self, run: Run) -> None:
        """Labels and fields select."""
        assert [line.split()[0] for line in run("get", "cm", "-l", "app=web").lines] == ["NAME", "settings"]
        by_field = run("get", "cm", "--field-selector", "metadata.name=limits")
        assert [line.split()[0] for line in by_field.lines] == ["NAME", "limits"]

    def test_labels_as_columns(self, run: Run) -> None:
        """`-L` shows chosen labels, `--show-labels` all of them."""
        chosen = run("get", "cm", "-L", "tier,app").lines
        assert chosen[0].split()[-2:] == ["TIER", "APP"]
        assert chosen[2].split()[-2:] == ["front", "web"]
        everything = run("get", "cm", "--show-labels").lines
        assert everything[1].endswith("<none>")
        assert everything[2].endswith("app=web,tier=front")

    def test_no_headers_of_several_tables(self, run: Run) -> None:
        """Nothing but rows then: no blank line between the tables of two kinds, which scripts would count."""
        lines = run("get", "cm,ns", "--no-headers").lines
        assert all(lines)
        assert {line.partition("/")[0] for line in lines} == {"configmap", "namespace"}

    def test_kinds_before_names(self, run: Run) -> None:
        """`--show-kind` puts them there where all are of one, too."""
        assert [line.split()[0] for line in run("get", "cm", "--show-kind", "--no-headers").lines] == [
            "configmap/limits",
            "configmap/settings",
        ]

    def test_no_headers(self, run: Run) -> None:
        """`--no-headers` leaves the heading out."""
        assert len(run("get", "cm", "--no-headers").lines) == 2

    def test_pages_are_one_table(self, run: Run) -> None:
        """A list that comes in several pages is one table."""
        tables = [run("get", "cm", *option).lines for option in (["--chunk-size=1"], ["--chunk-size=0"], [])]
        # Not the age, the last column: it may have become a second more in between.
        first, *others = [[line.rsplit(maxsplit=1)[0].rstrip() for line in table] for table in tables]
        assert len(first) > 2
        assert others == [first, first]

    def test_nothing_found(self, run: Run, namespace: str) -> None:
        """Nothing found is no failure; it is said on standard error, so that a pipe stays empty."""
        shown = run("get", "secrets")
        assert (shown.code, shown.out) == (OK, "")
        assert shown.err == f"No resources found in {namespace} namespace.\n"

    @pytest.mark.parametrize("form", [[], ["-o", "name"]], ids=["table", "name"])
    def test_missing_namespace(self, run: Run, form: list[str]) -> None:
        """Where the namespace of an object is what is missing, that is said."""
        shown = run("get", "cm", "settings", "-n", "nosuch", *form)
        assert shown == (REFUSED, "", 'Error from server (NotFound): namespaces "nosuch" not found\n')

    def test_nothing_found_anywhere(self, run: Run) -> None:
        """Where something without a namespace was looked for as well, none is named."""
        assert run("get", "pv,pvc").err == "No resources found\n"

    def test_from_file(self, run: Run, tmp_path: Path) -> None:
        """`-f` asks for the objects a manifest names."""
        (tmp_path / "x.json").write_text(json.dumps(config_map("settings")))
        assert [line.split()[0] for line in run("get", "-f", str(tmp_path)).lines] == ["NAME", "settings"]

    def test_cluster_scope_ignores_the_namespace(self, run: Run, namespace: str) -> None:
        """A cluster-scoped resource is found whatever the namespace."""
        assert run("get", "ns", namespace, "-o", "name").lines == [f"namespace/{namespace}"]


class TestObjects:
    def test_json_of_one(self, run: Run) -> None:
        """One object asked for by name is printed as itself, without managedFields."""
        obj = json.loads(run("get", "cm", "settings", "-o", "json").out)
        assert (obj["kind"], obj["data"]) == ("ConfigMap", {"colour": "blue"})
        assert "managedFields" not in obj["metadata"]

    def test_managed_fields_on_request(self, run: Run) -> None:
        """`--show-managed-fields` keeps them."""
        shown = run("get", "cm", "settings", "-o", "json", "--show-managed-fields")
        assert json.loads(shown.out)["metadata"]["managedFields"]

    def test_yaml_of_many(self, run: Run) -> None:
        """Many objects are a List whose items are complete manifests."""
        body = load_yaml(run("get", "cm,deploy", "-o", "yaml").out)
        assert body["kind"] == "List"
        assert [(obj["apiVersion"], obj["kind"]) for obj in body["items"]] == [
            ("v1", "ConfigMap"),
            ("v1", "ConfigMap"),
            ("apps/v1", "Deployment"),
        ]

    def test_names(self, run: Run) -> None:
        """`-o name` prints what `get`, `delete` and kubectl take back."""
        assert run("get", "cm,deploy", "-o", "name").lines == [
            "configmap/limits",
            "configmap/settings",
            "deployment.apps/web",
        ]

    def test_nothing_is_an_empty_list(self, run: Run) -> None:
        """A script that parses the output gets a List even when there is nothing."""
        assert json.loads(run("get", "secrets", "-o", "json").out)["items"] == []


class TestRefusals:
    def test_not_found(self, run: Run) -> None:
        """An object that does not exist is said in the server's words, and exits with 1."""
        shown = run("get", "cm", "missing")
        assert (shown.code, shown.out) == (REFUSED, "")
        assert shown.err == 'Error from server (NotFound): configmaps "missing" not found\n'

    def test_the_others_are_shown(self, run: Run) -> None:
        """One missing object does not hide the others."""
        shown = run("get", "cm", "missing", "settings", "-o", "name")
        assert (shown.code, shown.lines) == (REFUSED, ["configmap/settings"])

    def test_ignored(self, run: Run) -> None:
        """`--ignore-not-found` makes it no failure, and silent."""
        assert run("get", "cm", "missing", "--ignore-not-found") == (OK, "", "")

    def test_unknown_resource(self, run: Run) -> None:
        """An unknown resource is refused with the nearest known ones."""
        shown = run("get", "deploymnets")
        assert (shown.code, shown.out) == (REFUSED, "")
        assert "deployments" in shown.err
        assert shown.err.count("\n") == 1

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["get"], "which resource?"),
            (["get", "cm", "a", "-l", "x=y"], "a name and a selector"),
            (["get", "cm", "a", "-A"], "in all namespaces"),
            (["get", "cm", "a/b"], "'a/b' cannot be the name"),
            (["get", "cm", ".."], "'..'"),
            (["get", "cm", "a%2fb"], "a%2fb"),
            (["get", "cm", "-l", "a=b=c"], "found '='"),
            (["get", "cm", "-f", "x.yaml"], "-f names the objects itself"),
            (["get", "-f", "/nowhere/x.yaml"], "/nowhere/x.yaml"),
            (["get", "cm,deploy", "-w"], "only one resource"),
            (["get", "cm", "-n", "a/b"], "a/b"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], message: str) -> None:
        """What cannot be meant exits with 2 and one line, before anything is sent."""
        shown = run(*words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err
        assert shown.err.count("\n") == 1
