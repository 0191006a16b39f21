"""`dynkube create`, `apply` and `delete` against the embedded server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map, deployment
from dynkube.cli.exits import OK, REFUSED, TIMED_OUT, USAGE
from dynkube.dynamic.client_side_apply import LAST_APPLIED
from dynkube.objects import load_manifests

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.testing import APIServer


@pytest.fixture
def config_maps(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps").namespace(namespace)


class TestCreate:
    def test_standard_input(self, run: Run, config_maps: Resource) -> None:
        """`-f -` creates what standard input holds, in the command's namespace."""
        shown = run("create", "-f", "-", stdin=json.dumps(config_map("a", {"k": "v"})))
        assert shown == (OK, "configmap/a created\n", "")
        assert config_maps.get("a")["data"] == {"k": "v"}

    def test_later_objects_are_created_after_a_refusal(self, run: Run, config_maps: Resource) -> None:
        """An object that exists already is reported and does not hold up the next one."""
        config_maps.create(config_map("a"))
        documents = "\n---\n".join(json.dumps(config_map(name)) for name in ("a", "b"))
        shown = run("create", "-f", "-", stdin=documents)
        assert shown.code == REFUSED
        assert shown.out == "configmap/b created\n"
        assert shown.err == 'Error from server (AlreadyExists): configmaps "a" already exists\n'

    def test_generated_names(self, run: Run) -> None:
        """A generated name is the server's to complete; the line says what came of it."""
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "g-"}}
        assert run("create", "-f", "-", stdin=json.dumps(manifest)).out.startswith("configmap/g-")

    def test_dry_run(self, run: Run, config_maps: Resource) -> None:
        """A dry run says what would be and stores nothing."""
        shown = run("create", "-f", "-", "--dry-run=server", stdin=json.dumps(config_map("a")))
        assert shown.out == "configmap/a created (server dry run)\n"
        assert not config_maps.exists("a")

    def test_output(self, run: Run) -> None:
        """`-o` prints what the server made of it."""
        shown = run("create", "-f", "-", "-o", "json", stdin=json.dumps(config_map("a")))
        assert json.loads(shown.out)["metadata"]["uid"]

    def test_output_of_several(self, run: Run) -> None:
        """Several are documents of one stream, and every form `get` has can be asked for."""
        documents = "\n---\n".join(json.dumps(config_map(name, {"k": name})) for name in ("a", "b"))
        shown = run("create", "-f", "-", "-o", "yaml", "--dry-run=server", stdin=documents)
        assert [obj["metadata"]["name"] for obj in load_manifests(shown.out)] == ["a", "b"]
        shown = run("create", "-f", "-", "-o", "jsonpath={.data.k} ", stdin=documents)
        assert shown == (OK, "a b ", "")

    def test_output_that_makes_no_sense(self, run: Run, config_maps: Resource) -> None:
        """A template that cannot be understood is refused before anything is written."""
        shown = run("create", "-f", "-", "-o", "jsonpath={.data", stdin=json.dumps(config_map("a")))
        assert (shown.code, shown.out) == (USAGE, "")
        assert not config_maps.exists("a")

    @pytest.mark.parametrize(("word", "code"), [("true", REFUSED), ("false", OK), ("Strict", REFUSED), ("ignore", OK)])
    def test_validation_words(self, run: Run, word: str, code: int) -> None:
        """`--validate` takes kubectl's truth values, too: true is strict."""
        wrong = json.dumps({**config_map("a"), "daat": {"k": "v"}})
        assert run("create", "-f", "-", f"--validate={word}", stdin=wrong).code == code

    def test_unknown_fields_are_refused(self, run: Run) -> None:
        """A misspelt field is an error unless told otherwise, since nobody meant it."""
        wrong = json.dumps({**config_map("a"), "daat": {"k": "v"}})
        refused = run("create", "-f", "-", stdin=wrong)
        assert refused.code == REFUSED
        assert "daat" in refused.err
        assert run("create", "-f", "-", "--validate=ignore", stdin=wrong).code == OK


class TestApply:
    def test_created_configured_unchanged(self, run: Run, tmp_path: Path) -> None:
        """The line says what became of the object."""
        manifest = tmp_path / "a.yaml"
        manifest.write_text(json.dumps(config_map("a", {"k": "1"})))
        assert run("apply", "-f", str(manifest)).out == "configmap/a created\n"
        assert run("apply", "-f", str(manifest)).out == "configmap/a unchanged\n"
        manifest.write_text(json.dumps(config_map("a", {"k": "2"})))
        assert run("apply", "-f", str(manifest)).out == "configmap/a configured\n"

    def test_a_dry_run_tells_what_would_change(self, run: Run, config_maps: Resource) -> None:
        """A dry run leaves the resourceVersion as it is; what would change is called configured all the same."""
        options = ("apply", "--dry-run=server", "-f", "-")
        assert run("apply", "-f", "-", stdin=json.dumps(config_map("a", {"k": "1"}))).code == OK
        same = run(*options, stdin=json.dumps(config_map("a", {"k": "1"})))
        assert same.out == "configmap/a unchanged (server dry run)\n"
        changed = run(*options, stdin=json.dumps(config_map("a", {"k": "2"})))
        assert changed.out == "configmap/a configured (server dry run)\n"
        assert config_maps.get("a")["data"] == {"k": "1"}

    def test_folder_and_recursion(self, run: Run, tmp_path: Path) -> None:
        """A folder's manifests are applied by name; `-R` adds the folders inside."""
        (tmp_path / "inner").mkdir()
        (tmp_path / "2.yaml").write_text(json.dumps(config_map("second")))
        (tmp_path / "1.yml").write_text(json.dumps(config_map("first")))
        (tmp_path / "notes.txt").write_text("not a manifest: [")
        (tmp_path / "inner" / "3.json").write_text(json.dumps(config_map("third")))
        assert run("apply", "-f", str(tmp_path)).lines == ["configmap/first created", "configmap/second created"]
        assert run("apply", "-R", "-f", str(tmp_path)).lines[-1] == "configmap/third created"

    def test_conflicts(self, run: Run, config_maps: Resource) -> None:
        """A field somebody else owns is a conflict; `--force-conflicts` takes it."""
        config_maps.apply(config_map("a", {"k": "theirs"}), field_manager="them")
        ours = json.dumps(config_map("a", {"k": "ours"}))
        refused = run("apply", "-f", "-", stdin=ours)
        assert refused.code == REFUSED
        assert refused.err.startswith("Error from server (Conflict): ")
        assert '"them"' in refused.err
        assert run("apply", "-f", "-", "--force-conflicts", stdin=ours).out == "configmap/a configured\n"
        assert config_maps.get("a")["data"] == {"k": "ours"}

    def test_what_kubectl_applied_by_itself(self, run: Run, config_maps: Resource) -> None:
        """Its fields are taken over, as by `kubectl apply --server-side`: what is left out goes."""
        before = config_map("a", {"k": "1", "old": "1"}, annotations={LAST_APPLIED: "{}"})
        config_maps.create(before, field_manager="kubectl-client-side-apply")
        assert run("apply", "-f", "-", stdin=json.dumps(config_map("a", {"k": "1"}))).out == "configmap/a configured\n"
        after = config_maps.get("a")
        assert after["data"] == {"k": "1"}
        assert [each["manager"] for each in after["metadata"]["managedFields"]] == ["dynkube"]

    def test_a_manifest_in_its_own_namespace(self, run: Run, namespace: str) -> None:
        """A manifest may repeat the command's namespace and must not contradict it."""
        assert run("apply", "-f", "-", stdin=json.dumps(config_map("a", namespace=namespace))).code == OK
        shown = run("apply", "-f", "-", stdin=json.dumps(config_map("a", namespace="elsewhere")))
        assert shown.code == USAGE
        assert "'elsewhere'" in shown.err

    def test_definition_and_object_in_one_file(self, run: Run, namespace: str) -> None:
        """A custom kind is usable by the manifests beside its definition, in whatever order they stand."""
        plural, group = f"gadgets-{namespace}", "cli.example.com"
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": f"Gadget{namespace.removeprefix('cli-')}"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                ],
            },
        }
        gadget = {"apiVersion": f"{group}/v1", "kind": crd["spec"]["names"]["kind"], "metadata": {"name": "g"}}  # type: ignore[index]
        shown = run("apply", "-f", "-", stdin=f"{json.dumps(gadget)}\n---\n{json.dumps(crd)}\n")
        assert shown.err == ""
        assert [line.split()[-1] for line in shown.lines] == ["created", "created"]

    @pytest.mark.parametrize(
        ("stdin", "message"),
        [
            ("", "no objects in -"),
            ("a: [", "line"),
            ("kind: ConfigMap", "apiVersion"),
            ('{"apiVersion": "v1", "kind": "ConfigMap"}', "name"),
            ('{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "../x"}}', "../x"),
        ],
    )
    def test_manifests_that_cannot_be_meant(self, run: Run, stdin: str, message: str) -> None:
        """A manifest that is none exits with 2, one line and nothing sent."""
        shown = run("apply", "-f", "-", stdin=stdin)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err
        assert shown.err.count("\n") == 1

    def test_unknown_kind(self, run: Run) -> None:
        """A kind the server does not know is the server's refusal."""
        shown = run("apply", "-f", "-", stdin='{"apiVersion": "v1", "kind": "ConfigMop", "metadata": {"name": "a"}}')
        assert shown.code == REFUSED
        assert "ConfigMop" in shown.err

    def test_nothing_given(self, run: Run) -> None:
        """Without -f it says what to write."""
        assert run("apply").err.startswith("error: which manifests? For example: dynkube apply -f web.yaml")


class TestApplyUnseen:
    def test_who_may_not_look(self, run: Run, server: APIServer, config_maps: Resource, namespace: str) -> None:
        """Applying takes the right to patch, not to get: what became of the object is not told then."""
        path = f"/api/v1/namespaces/{namespace}/configmaps/a"
        server.inject("error", method="GET", path=path, status=403, count=1)
        shown = run("apply", "-f", "-", stdin=json.dumps(config_map("a", {"k": "v"})))
        assert shown == (OK, "configmap/a applied\n", "")
        assert config_maps.get("a")["data"] == {"k": "v"}


class TestDelete:
    def test_by_name(self, run: Run, config_maps: Resource) -> None:
        """Objects go by name, each with its line."""
        for name in ("a", "b", "c"):
            config_maps.create(config_map(name))
        shown = run("delete", "cm", "a", "b")
        assert shown == (OK, 'configmap "a" deleted\nconfigmap "b" deleted\n', "")
        assert [obj["metadata"]["name"] for obj in config_maps.list()["items"]] == ["c"]

    def test_group_in_the_line(self, run: Run, dyn: DynamicClient, namespace: str) -> None:
        """A kind outside the core group is named with its group."""
        dyn.resource("deploy").namespace(namespace).create(deployment("web"))
        assert run("delete", "deploy/web").out == 'deployment.apps "web" deleted\n'

    def test_by_selector(self, run: Run, config_maps: Resource) -> None:
        """`-l` deletes what matches, and only that."""
        config_maps.create(config_map("a", labels={"app": "web"}))
        config_maps.create(config_map("b"))
        assert run("delete", "cm", "-l", "app=web").out == 'configmap "a" deleted\n'
        assert config_maps.exists("b")

    def test_all(self, run: Run, config_maps: Resource) -> None:
        """`--all` deletes every object of the resource in the namespace."""
        config_maps.create(config_map("a"))
        config_maps.create(config_map("b"))
        assert run("delete", "cm", "--all", "-o", "name").lines == ["configmap/a", "configmap/b"]

    def test_nothing_selected(self, run: Run) -> None:
        """A selection without objects is no failure, and is said: it may be mistyped."""
        assert run("delete", "cm", "-l", "app=nosuch") == (OK, "", "No resources found\n")
        assert run("delete", "cm", "-l", "app=nosuch", "--ignore-not-found") == (OK, "", "")

    def test_by_manifest(self, run: Run, config_maps: Resource) -> None:
        """`-f` deletes what a manifest names."""
        config_maps.create(config_map("a"))
        assert run("delete", "-f", "-", stdin=json.dumps(config_map("a"))).out == 'configmap "a" deleted\n'

    def test_missing(self, run: Run, config_maps: Resource) -> None:
        """What does not exist is reported, the rest is deleted; `--ignore-not-found` keeps quiet."""
        config_maps.create(config_map("a"))
        shown = run("delete", "cm", "missing", "a")
        assert (shown.code, shown.out) == (REFUSED, 'configmap "a" deleted\n')
        assert shown.err == 'Error from server (NotFound): configmaps "missing" not found\n'
        assert run("delete", "cm", "missing", "--ignore-not-found") == (OK, "", "")

    def test_waiting_ends_at_the_timeout(self, run: Run, config_maps: Resource) -> None:
        """An object its finalizer holds is waited for no longer than told, and that has its own exit code."""
        config_maps.create(config_map("a", finalizers=["example.com/hold"]))
        shown = run("delete", "cm", "a", "--timeout=200ms")
        assert shown.code == TIMED_OUT
        assert shown.err.count("\n") == 1
        config_maps.patch("a", {"metadata": {"finalizers": None}})

    def test_too_late(self, run: Run, config_maps: Resource) -> None:
        """Each that is still there has its line, in kubectl's words and with what holds it."""
        for name in ("a", "b"):
            config_maps.create(config_map(name, finalizers=["example.com/hold"]))
        config_maps.create(config_map("c"))
        shown = run("delete", "cm", "a", "b", "c", "--timeout=100ms")
        assert shown.code == TIMED_OUT
        assert shown.err.splitlines() == [
            f"error: timed out waiting for the condition on configmap/{name}: "
            "it is being deleted, and held by the finalizers example.com/hold"
            for name in ("a", "b")
        ]
        for name in ("a", "b"):
            config_maps.patch(name, {"metadata": {"finalizers": None}})

    def test_who_may_not_look(self, run: Run, server: APIServer, config_maps: Resource, namespace: str) -> None:
        """Deleting takes no right to list: without it nothing is waited for, and nothing has failed."""
        config_maps.create(config_map("a"))
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        server.inject("error", method="GET", path=path, status=403, count=1)
        assert run("delete", "cm", "a") == (OK, 'configmap "a" deleted\n', "")

    def test_not_waiting(self, run: Run, config_maps: Resource) -> None:
        """`--wait=false` returns when the server has accepted the deletion."""
        config_maps.create(config_map("a", finalizers=["example.com/hold"]))
        assert run("delete", "cm", "a", "--wait=false").code == OK
        assert config_maps.get("a")["metadata"]["deletionTimestamp"]
        config_maps.patch("a", {"metadata": {"finalizers": None}})

    def test_dry_run(self, run: Run, config_maps: Resource) -> None:
        """A dry run deletes nothing and waits for nothing."""
        config_maps.create(config_map("a"))
        assert run("delete", "cm", "a", "--dry-run=server").out == 'configmap "a" deleted (server dry run)\n'
        assert config_maps.exists("a")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["cm"], "say which objects"),
            (["cm", "a", "-l", "x=y"], "say which objects"),
            (["cm", "a", "-A"], "in all namespaces"),
            (["cm", "a", "-f", "x.yaml"], "-f names the objects itself"),
            (["cm", "../x"], "../x"),
            (["cm", "a", "--cascade=maybe"], "invalid choice: 'maybe'"),
            ([], "which resource?"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], message: str) -> None:
        """What cannot be meant exits with 2 and deletes nothing: above all, never everything by accident."""
        shown = run("delete", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err
