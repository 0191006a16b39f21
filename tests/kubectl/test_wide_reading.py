"""kubectl commands that only read: get in every output, describe, explain, api-resources, events, auth, version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynkube.objects import load_yaml
from kubectl.versions import OPENAPI_V3, needs
from kubectl.wide import DEPLOYMENT, create, lines, read

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl.running import Kubectl

pytestmark = pytest.mark.kubectl

POD = """
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec: {containers: [{name: main, image: "busybox:1.36"}]}
"""


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("name", "deployment.apps/web"),
        ("jsonpath={.spec.template.spec.containers[*].image}", "busybox:1.36"),
        ("jsonpath-as-json={.spec.replicas}", "[\n    2\n]"),
        ("go-template={{.metadata.name}}:{{.spec.replicas}}", "web:2"),
        ("custom-columns=NAME:.metadata.name,WANT:.spec.replicas", "NAME   WANT\nweb    2"),
        ("custom-columns-file=COLUMNS", "WHO\nweb"),
        ("go-template-file=TEMPLATE", "web!"),
        ("jsonpath-file=PATHS", "web"),
    ],
)
def test_get_as(kubectl: Kubectl, tmp_path: Path, output: str, shown: str) -> None:
    """Outputs that kubectl computes from the object show the object's values."""
    (tmp_path / "COLUMNS").write_text("WHO\n.metadata.name\n")
    (tmp_path / "TEMPLATE").write_text("{{.metadata.name}}!")
    (tmp_path / "PATHS").write_text("{.metadata.name}")
    kind, _, file = output.partition("=")
    if kind.endswith("-file"):
        output = f"{kind}={tmp_path / file}"
    create(kubectl)
    assert kubectl("get", "deploy", "web", "-o", output).strip() == shown


def test_get_as_json_and_yaml(kubectl: Kubectl) -> None:
    """The same object comes as JSON and as YAML, without managedFields unless they are asked for."""
    create(kubectl)
    as_json = json.loads(kubectl("get", "deploy", "web", "-o", "json"))
    assert load_yaml(kubectl("get", "deploy", "web", "-o", "yaml")) == as_json
    assert as_json["metadata"]["namespace"] == kubectl.namespace
    needs(kubectl, "1.21", "--show-managed-fields")
    assert "managedFields" not in as_json["metadata"]
    with_fields = json.loads(kubectl("get", "deploy", "web", "-o", "json", "--show-managed-fields"))
    assert [entry["operation"] for entry in with_fields["metadata"]["managedFields"]] == ["Update"]


def test_get_wide(kubectl: Kubectl) -> None:
    """Wide output has the server's columns of lower priority."""
    create(kubectl)
    heading, row = lines(kubectl("get", "deploy", "-o", "wide"))
    assert heading == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert row[-3:] == ["main", "busybox:1.36", "app=web"]


def test_get_with_label_columns(kubectl: Kubectl) -> None:
    """`-L` adds labels as columns, `--show-labels` all of them as one."""
    create(kubectl)
    heading, row = lines(kubectl("get", "deploy", "-L", "app", "--show-labels"))
    assert heading[-2:] == ["APP", "LABELS"]
    assert row[-2:] == ["web", "app=web"]


@pytest.mark.parametrize("path", ["{.data.order}", ".metadata.labels.place"])
def test_get_sorted(kubectl: Kubectl, path: str) -> None:
    """`--sort-by` orders the rows by a field that is no column."""
    for number, name in enumerate(["c", "a", "b"]):
        kubectl("create", "configmap", name, f"--from-literal=order={number}")
        kubectl("label", "configmap", name, f"place={number}", f"of={kubectl.namespace}")
    shown = kubectl("get", "cm", "-l", f"of={kubectl.namespace}", "--no-headers", f"--sort-by={path}")
    assert [row[0] for row in lines(shown)] == ["c", "a", "b"]


def test_get_by_selectors(kubectl: Kubectl) -> None:
    """Label and field selectors pick on the server."""
    for name in ("a", "b", "c"):
        kubectl("create", "configmap", name)
    kubectl("label", "cm", "a", "tier=front")
    kubectl("label", "cm", "b", "tier=back")
    assert kubectl("get", "cm", "-l", "tier in (front,back),tier!=back", "-o", "name") == "configmap/a\n"
    assert kubectl("get", "cm", "--field-selector=metadata.name=c", "-o", "name") == "configmap/c\n"


def test_get_in_chunks(kubectl: Kubectl) -> None:
    """A list longer than a chunk arrives whole."""
    for number in range(5):
        kubectl("create", "configmap", f"page-{number}")
    shown = lines(kubectl("get", "cm", "--chunk-size=2", "--no-headers"))
    assert [row[0] for row in shown if row[0].startswith("page-")] == [f"page-{number}" for number in range(5)]


def test_get_the_category_all(kubectl: Kubectl) -> None:
    """`get all` lists what the categories of discovery say."""
    create(kubectl)
    create(kubectl, POD)
    shown = kubectl("get", "all", "-o", "name")
    assert "deployment.apps/web" in shown
    assert "pod/one" in shown


def test_get_raw(kubectl: Kubectl) -> None:
    """`get --raw` gives the server's answer as it is."""
    assert kubectl("get", "--raw", "/healthz") == "ok"
    assert json.loads(kubectl("get", "--raw", "/version"))["minor"] == "36"


def test_get_what_is_not_there(kubectl: Kubectl) -> None:
    """Missing objects, kinds and empty lists are told as by a real server."""
    assert 'configmaps "no" not found' in kubectl.run("get", "cm", "no").stderr
    assert kubectl.run("get", "cm", "no", "--ignore-not-found").returncode == 0
    assert "the server doesn't have a resource type" in kubectl.run("get", "nonsense").stderr
    assert "No resources found" in kubectl.run("get", "deploy").stderr


def test_get_watch_shows_events(kubectl: Kubectl) -> None:
    """`get -w --output-watch-events` names what happened, a deletion too."""
    kubectl("create", "configmap", "seen")
    words = ("get", "cm", "-w", "--output-watch-events", "--no-headers", "--field-selector=metadata.name=seen")
    with kubectl.running(*words) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[:3] == ["ADDED", "seen", "0"]
        kubectl("patch", "cm", "seen", "-p", '{"data": {"a": "1"}}')
        assert watching.stdout.readline().split()[:3] == ["MODIFIED", "seen", "1"]
        kubectl("delete", "cm", "seen", "--wait=false")
        assert watching.stdout.readline().split()[:2] == ["DELETED", "seen"]


def test_get_watch_only_from_now_on(kubectl: Kubectl) -> None:
    """`get -w` of a whole kind goes on where its list ended, as JSON as well."""
    kubectl("create", "configmap", "first")
    words = ("get", "cm", "-w", "-o", "jsonpath={.metadata.name}{'\\n'}", "--field-selector=metadata.name!=other")
    with kubectl.running(*words) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "first\n"
        kubectl("create", "configmap", "second")
        assert watching.stdout.readline() == "second\n"


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (("deploy", "web"), ["Replicas:", "2 desired", "StrategyType:", "RollingUpdate", "busybox:1.36"]),
        (("pod", "one"), ["QoS Class:", "BestEffort", "Status:", "Pending"]),
        (("cm", "settings"), ["colour:", "blue"]),
        (("secret", "hidden"), ["Type:", "Opaque", "key:", "5 bytes"]),
        (("svc", "web"), ["Type:", "ClusterIP", "TargetPort:", "80/TCP"]),
        (("role", "reader"), ["pods", "[get]"]),
    ],
)
def test_describe(kubectl: Kubectl, what: tuple[str, str], told: list[str]) -> None:
    """`describe` finds everything it prints for a kind."""
    create(kubectl)
    create(kubectl, POD)
    kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    kubectl("create", "secret", "generic", "hidden", "--from-literal=key=value")
    kubectl("create", "service", "clusterip", "web", "--tcp=80:80")
    kubectl("create", "role", "reader", "--verb=get", "--resource=pods")
    shown = kubectl("describe", *what)
    assert [text for text in told if text not in shown] == []


def test_describe_a_namespace(kubectl: Kubectl) -> None:
    """A namespace is described with its quotas and limits."""
    kubectl("create", "quota", "few", "--hard=pods=3")
    shown = kubectl("describe", "namespace", kubectl.namespace)
    assert "Status:       Active" in shown
    assert "few" in shown


def test_explain(kubectl: Kubectl) -> None:
    """`explain` reads the schemas of the server."""
    needs(kubectl, OPENAPI_V3, "explain by OpenAPI v3")
    shown = kubectl("explain", "deployment.spec.strategy.rollingUpdate")
    assert "maxSurge" in shown
    assert "GROUP:      apps" in shown
    assert "horizontalpodautoscaler" in kubectl("explain", "hpa", "--api-version=autoscaling/v1").lower()


def test_api_resources(kubectl: Kubectl) -> None:
    """`api-resources` lists names, short names, scope and verbs."""
    found = {row[0]: row for row in lines(kubectl("api-resources", "--no-headers", "-o", "wide", "--namespaced=true"))}
    assert found["deployments"][1:5] == ["deploy", "apps/v1", "true", "Deployment"]
    assert "nodes" not in found
    needs(kubectl, "1.26", "api-resources --categories")
    assert "pods" in kubectl("api-resources", "--categories=all", "-o", "name").splitlines()


def test_api_versions(kubectl: Kubectl) -> None:
    """`api-versions` lists every group version."""
    assert {"v1", "apps/v1", "autoscaling/v1", "autoscaling/v2"} <= set(kubectl("api-versions").splitlines())


EVENT = """
apiVersion: v1
kind: Event
metadata: {name: one.1, namespace: %(namespace)s}
involvedObject: {apiVersion: v1, kind: Pod, name: one, namespace: %(namespace)s}
reason: Started
message: it has begun
type: Normal
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
"""


def test_events(kubectl: Kubectl) -> None:
    """`get events` and, from 1.26, `events` show what happened to an object, and `describe` at its end."""
    create(kubectl, POD)
    create(kubectl, EVENT % {"namespace": kubectl.namespace})
    shown = kubectl("get", "events", "--field-selector=involvedObject.name=one,reason=Started")
    assert lines(shown)[1][1:5] == ["Normal", "Started", "pod/one", "it"]
    needs(kubectl, "1.26", "the command events")
    assert "it has begun" in kubectl("events", "--for=pod/one")


def test_auth_can_i(kubectl: Kubectl) -> None:
    """`auth can-i` answers for oneself and, impersonating, by RBAC for others."""
    assert kubectl("auth", "can-i", "create", "deployments.apps") == "yes\n"
    account = f"system:serviceaccount:{kubectl.namespace}:robot"
    assert kubectl.run("auth", "can-i", "list", "pods", f"--as={account}").stdout == "no\n"
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "role", "reader", "--verb=list", "--resource=pods")
    kubectl("create", "rolebinding", "reads", "--role=reader", f"--serviceaccount={kubectl.namespace}:robot")
    assert kubectl("auth", "can-i", "list", "pods", f"--as={account}") == "yes\n"
    assert ["pods", "[]", "[]", "[list]"] in lines(kubectl("auth", "can-i", "--list", f"--as={account}"))


def test_auth_whoami(kubectl: Kubectl) -> None:
    """`auth whoami` tells the user the server sees, impersonated or not."""
    needs(kubectl, "1.28", "the command auth whoami")
    assert "system:masters" in kubectl("auth", "whoami")
    assert "bob" in kubectl("auth", "whoami", "--as=bob", "--as-group=team")


def test_version_and_cluster_info(kubectl: Kubectl) -> None:
    """`version` and `cluster-info` reach the server."""
    version = json.loads(kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"].startswith("v1.36.")
    assert "is running at" in kubectl("cluster-info")


def test_diff(kubectl: Kubectl) -> None:
    """`diff` shows what apply would change and exits with 1, and with 0 when that is nothing."""
    needs(kubectl, OPENAPI_V3, "diff by OpenAPI v3")
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    assert kubectl("diff", "-f", "-", stdin=DEPLOYMENT) == ""
    finished = kubectl.run("diff", "-f", "-", stdin=DEPLOYMENT.replace("1.36", "1.37"))
    assert finished.returncode == 1
    assert "-      - image: busybox:1.36" in finished.stdout
    assert "+      - image: busybox:1.37" in finished.stdout
    assert read(kubectl, "deploy", "web")["metadata"]["generation"] == 1


def test_diff_server_side(kubectl: Kubectl) -> None:
    """`diff --server-side` asks the server for the merge."""
    needs(kubectl, OPENAPI_V3, "diff by OpenAPI v3")
    kubectl("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT)
    finished = kubectl.run("diff", "--server-side", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: 7"))
    assert finished.returncode == 1
    assert "+  replicas: 7" in finished.stdout
