"""kubectl drives `dynkube serve`: the server is only good enough if the field's own client cannot tell.

The commands are those of kubectl 1.20 (Debian's) and newer. Client-side validation is switched off, since before 1.27
it needs the OpenAPI v2 document, which the embedded server does not have.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynkube.objects import load_yaml

if TYPE_CHECKING:
    from kubectl.running import Kubectl

pytestmark = pytest.mark.kubectl

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "busybox:1.36"}]}
"""

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %(plural)s.kubectl.example.com}
spec:
  group: kubectl.example.com
  scope: Namespaced
  names: {plural: %(plural)s, singular: %(singular)s, kind: %(kind)s}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
"""


def first_words(text: str) -> list[str]:
    """Return the first word of each line that has one."""
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def test_create_get_and_delete(kubectl: Kubectl) -> None:
    """Objects are created from a manifest, printed, and deleted by name."""
    assert kubectl("create", "--validate=false", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web created\n"
    shown = kubectl("get", "deploy").splitlines()
    assert shown[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert shown[1].split()[:4] == ["web", "0/2", "0", "0"]
    assert json.loads(kubectl("get", "deploy", "web", "-o", "json"))["spec"]["replicas"] == 2
    assert kubectl("delete", "deploy", "web").startswith('deployment.apps "web" deleted')
    assert kubectl("get", "deploy", "-o", "name") == ""


def test_get_several_resources_everywhere(kubectl: Kubectl) -> None:
    """`kubectl get deploy,cm,crd -A` prints all three kinds."""
    kubectl("create", "--validate=false", "-f", "-", stdin=DEPLOYMENT)
    kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    kubectl("create", "--validate=false", "-f", "-", stdin=CRD % names(kubectl))
    shown = kubectl("get", "deploy,cm,crd", "-A")
    assert "deployment.apps/web" in shown
    assert "configmap/settings" in shown
    assert f"customresourcedefinition.apiextensions.k8s.io/{names(kubectl)['plural']}.kubectl.example.com" in shown


def names(kubectl: Kubectl) -> dict[str, str]:
    """Return names of a custom kind that no other test has: definitions are cluster-wide."""
    word = kubectl.namespace.replace("-", "")
    return {"plural": f"{word}s", "singular": word, "kind": word.capitalize()}


def test_custom_resources(kubectl: Kubectl) -> None:
    """A custom kind is served as soon as it is defined, in its own columns."""
    custom = names(kubectl)
    kubectl("apply", "--validate=false", "-f", "-", stdin=CRD % custom)
    kubectl("wait", "--for=condition=Established", f"crd/{custom['plural']}.kubectl.example.com", "--timeout=30s")
    body = {
        "apiVersion": "kubectl.example.com/v1",
        "kind": custom["kind"],
        "metadata": {"name": "a"},
        "spec": {"size": 3},
    }
    kubectl("apply", "--validate=false", "-f", "-", stdin=json.dumps(body))
    shown = kubectl("get", custom["plural"]).splitlines()
    assert [line.split() for line in shown] == [["NAME", "SIZE"], ["a", "3"]]


def test_client_side_apply(kubectl: Kubectl) -> None:
    """Client-side apply creates, changes (a strategic merge) and leaves alone."""
    apply = ("apply", "--validate=false", "-f", "-")
    assert kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/web created\n"
    assert kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/web unchanged\n"
    changed = DEPLOYMENT.replace("busybox:1.36", "busybox:1.37").replace("replicas: 2", "replicas: 3")
    assert kubectl(*apply, stdin=changed) == "deployment.apps/web configured\n"
    spec = json.loads(kubectl("get", "deploy", "web", "-o", "json"))["spec"]
    assert spec["replicas"] == 3
    assert [each["image"] for each in spec["template"]["spec"]["containers"]] == ["busybox:1.37"]


def test_server_side_apply(kubectl: Kubectl) -> None:
    """Server-side apply is accepted, and owns its fields."""
    shown = kubectl("apply", "--server-side", "--validate=false", "-f", "-", stdin=DEPLOYMENT)
    assert shown == "deployment.apps/web serverside-applied\n"


def test_what_was_applied_client_side_is_taken_over(kubectl: Kubectl) -> None:
    """An apply of dynkube finds what kubectl's client side left behind, and removes what is in the manifest no more."""
    kubectl("apply", "--validate=false", "-f", "-", stdin=DEPLOYMENT)
    fewer = json.dumps({**load_yaml(DEPLOYMENT), "metadata": {"name": "web"}})
    words = ("-n", kubectl.namespace, "apply", "-f", "-")
    command = [sys.executable, "-m", "dynkube", *words]
    done = subprocess.run(
        command, input=fewer, env=dict(kubectl.environment), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "deployment.apps/web configured\n", "")
    metadata = json.loads(kubectl("get", "deploy", "web", "-o", "json", "--show-managed-fields"))["metadata"]
    assert "labels" not in metadata
    assert "annotations" not in metadata
    assert [each["manager"] for each in metadata["managedFields"]] == ["dynkube"]


def test_label_annotate_and_patch(kubectl: Kubectl) -> None:
    """Labels, annotations and the three kinds of patch change an object."""
    kubectl("create", "configmap", "settings")
    kubectl("label", "cm", "settings", "tier=front")
    kubectl("annotate", "cm", "settings", "note=x")
    kubectl("patch", "cm", "settings", "--type=merge", "-p", '{"data": {"a": "1"}}')
    kubectl("patch", "cm", "settings", "--type=json", "-p", '[{"op": "add", "path": "/data/b", "value": "2"}]')
    kubectl("patch", "cm", "settings", "--type=strategic", "-p", '{"data": {"a": null}}')
    obj = json.loads(kubectl("get", "cm", "settings", "-o", "json"))
    assert obj["metadata"]["labels"] == {"tier": "front"}
    assert obj["metadata"]["annotations"] == {"note": "x"}
    assert obj["data"] == {"b": "2"}
    assert first_words(kubectl("get", "cm", "-l", "tier=front", "--no-headers")) == ["settings"]


def test_delete_by_label_and_wait(kubectl: Kubectl) -> None:
    """Deleting by label, and waiting for an object to be gone."""
    kubectl("create", "configmap", "settings")
    kubectl("label", "cm", "settings", "app=web")
    assert 'configmap "settings" deleted' in kubectl("delete", "cm", "-l", "app=web")
    kubectl("create", "configmap", "other")
    with kubectl.running("wait", "--for=delete", "cm/other", "--timeout=60s") as waiting:
        kubectl("delete", "cm", "other")
        shown, _ = waiting.communicate(timeout=60)
        # Old ones call it a failure if the object was gone before they looked.
        assert waiting.returncode == 0 or "not found" in shown or "no matching resources found" in shown


def test_get_watch(kubectl: Kubectl) -> None:
    """`kubectl get -w` shows what is there and then each change as it happens."""
    kubectl("create", "configmap", "settings")
    with kubectl.running("get", "cm", "settings", "-w", "--no-headers") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[:2] == ["settings", "0"]
        kubectl("patch", "cm", "settings", "--type=merge", "-p", '{"data": {"a": "1"}}')
        assert watching.stdout.readline().split()[:2] == ["settings", "1"]


def test_api_resources(kubectl: Kubectl) -> None:
    """`kubectl api-resources` and `api-versions` know what the server serves."""
    resources = kubectl("api-resources", "--no-headers")
    assert "deployments" in first_words(resources)
    assert "apps/v1" in kubectl("api-versions").split()


def test_explain_harms_nothing(kubectl: Kubectl) -> None:
    """Whatever `kubectl explain` makes of the server's schemas, the server lives on."""
    explained = kubectl.run("explain", "deployment")
    assert explained.returncode in {0, 1}
    assert "panic" not in explained.stderr
    kubectl("get", "--raw", "/readyz")


def test_missing_objects(kubectl: Kubectl) -> None:
    """The server's refusals are worded so that kubectl shows its usual line."""
    refused = kubectl.run("get", "cm", "missing")
    assert refused.returncode == 1
    assert refused.stderr == 'Error from server (NotFound): configmaps "missing" not found\n'


def test_namespaces_come_and_go(kubectl: Kubectl) -> None:
    """Deleting a namespace deletes what is in it and then itself; kubectl waits for that."""
    kubectl("create", "configmap", "settings")
    kubectl("delete", "namespace", kubectl.namespace)
    assert kubectl.run("get", "namespace", kubectl.namespace).returncode == 1
