"""kubectl commands that write: create, apply, edit, patch, label, scale, autoscale, set, expose, delete, approve."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from kubectl.versions import OPENAPI_V3, needs
from kubectl.wide import DEPLOYMENT, NEWER, create, lines, read

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl.running import Kubectl

pytestmark = pytest.mark.kubectl

APPLY = ("apply", "--validate=false", "-f", "-")


def image(kubectl: Kubectl) -> str:
    """Return the image of the deployment's first container."""
    found = read(kubectl, "deploy", "web")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("words", "made", "since"),
    [
        (("deployment", "d", "--image=nginx", "--replicas=2"), "deployment.apps/d", "1.20"),
        (("job", "j", "--image=busybox", "--", "date"), "job.batch/j", "1.20"),
        (("cronjob", "c", "--image=busybox", "--schedule=* * * * *", "--", "date"), "cronjob.batch/c", "1.21"),
        (("configmap", "m", "--from-literal=a=b"), "configmap/m", "1.20"),
        (("secret", "generic", "s", "--from-literal=a=b"), "secret/s", "1.20"),
        (("serviceaccount", "a"), "serviceaccount/a", "1.20"),
        (("role", "r", "--verb=get", "--resource=pods"), "role.rbac.authorization.k8s.io/r", "1.20"),
        (("rolebinding", "b", "--role=r", "--user=u"), "rolebinding.rbac.authorization.k8s.io/b", "1.20"),
        (("ingress", "i", "--rule=a.example/c=svc:80"), "ingress.networking.k8s.io/i", "1.20"),
        (("quota", "q", "--hard=pods=3"), "resourcequota/q", "1.20"),
        (("poddisruptionbudget", "p", "--selector=a=b", "--min-available=1"), "poddisruptionbudget.policy/p", "1.21"),
        (("service", "clusterip", "v", "--tcp=80:80"), "service/v", "1.20"),
        (("service", "nodeport", "n", "--tcp=80:80"), "service/n", "1.20"),
    ],
)
def test_create(kubectl: Kubectl, words: tuple[str, ...], made: str, since: str) -> None:
    """Each generator of `create` makes an object the server takes."""
    needs(kubectl, since, "creates the kind in a version that is served")
    assert kubectl("create", *words) == f"{made} created\n"
    again = kubectl.run("create", *words)
    assert again.returncode == 1
    assert "already exists" in again.stderr


def test_create_twice_by_generated_name(kubectl: Kubectl) -> None:
    """A generateName makes a new object each time."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "many-"}}
    names = {kubectl("create", "--validate=false", "-f", "-", "-o", "name", stdin=json.dumps(manifest)) for _ in "ab"}
    assert len(names) == 2


def test_create_with_unknown_fields(kubectl: Kubectl) -> None:
    """`--validate=strict` refuses what the schema does not know, `--validate=warn` warns."""
    needs(kubectl, OPENAPI_V3, "field validation by the server")
    wrong = DEPLOYMENT.replace("replicas: 2", "replicaz: 2")
    refused = kubectl.run("create", "--validate=strict", "-f", "-", stdin=wrong)
    assert refused.returncode == 1
    assert 'unknown field "spec.replicaz"' in refused.stderr
    warned = kubectl.run("create", "--validate=warn", "-f", "-", stdin=wrong)
    assert warned.returncode == 0
    assert 'Warning: unknown field "spec.replicaz"' in warned.stderr


def test_create_token(kubectl: Kubectl) -> None:
    """A service account's token is issued."""
    needs(kubectl, "1.24", "the command create token")
    kubectl("create", "serviceaccount", "robot")
    assert kubectl("create", "token", "robot").count(".") == 2


def test_run(kubectl: Kubectl) -> None:
    """`run` makes a pod."""
    assert kubectl("run", "one", "--image=nginx") == "pod/one created\n"


def test_apply_client_side(kubectl: Kubectl) -> None:
    """Client-side apply creates, changes, removes what the manifest dropped, and leaves others' fields alone."""
    labelled = DEPLOYMENT.replace("{app: web}}\nspec:\n  replicas", "{app: web, tier: x}}\nspec:\n  replicas")
    assert kubectl(*APPLY, stdin=labelled) == "deployment.apps/web created\n"
    kubectl("label", "deploy", "web", "mine=1")
    assert kubectl(*APPLY, stdin=NEWER) == "deployment.apps/web configured\n"
    assert kubectl(*APPLY, stdin=NEWER) == "deployment.apps/web unchanged\n"
    assert read(kubectl, "deploy", "web")["metadata"]["labels"] == {"app": "web", "mine": "1"}
    assert image(kubectl) == "busybox:1.37"


def test_apply_server_side_conflict(kubectl: Kubectl) -> None:
    """Another manager's field is a conflict that names it; `--force-conflicts` takes it over."""
    kubectl(*APPLY, "--server-side", stdin=DEPLOYMENT)
    kubectl(*APPLY, "--server-side", "--field-manager=other", "--force-conflicts", stdin=NEWER)
    refused = kubectl.run(*APPLY, "--server-side", stdin=DEPLOYMENT)
    assert refused.returncode == 1
    assert 'conflict with "other"' in refused.stderr
    assert '.spec.template.spec.containers[name="main"].image' in refused.stderr
    kubectl(*APPLY, "--server-side", "--force-conflicts", stdin=DEPLOYMENT)
    assert image(kubectl) == "busybox:1.36"


def test_apply_dry_run_on_the_server(kubectl: Kubectl) -> None:
    """`--dry-run=server` goes all the way through the server and changes nothing."""
    needs(kubectl, OPENAPI_V3, "asks OpenAPI v3 whether dry run is there")
    assert kubectl(*APPLY, "--dry-run=server", stdin=DEPLOYMENT) == "deployment.apps/web created (server dry run)\n"
    assert kubectl.run("get", "deploy", "web").returncode == 1
    kubectl(*APPLY, stdin=DEPLOYMENT)
    assert kubectl(*APPLY, "--dry-run=server", stdin=NEWER) == "deployment.apps/web configured (server dry run)\n"
    assert image(kubectl) == "busybox:1.36"


def test_apply_prune(kubectl: Kubectl) -> None:
    """`--prune` deletes what was applied with the label and is no longer in the manifests."""
    needs(kubectl, "1.26", "prunes kinds in versions that are served")
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"set": kubectl.namespace}}}
    both = [{**item, "metadata": {**item["metadata"], "name": name}} for name in ("kept", "dropped")]  # type: ignore[dict-item]
    prune = ("--prune", "-l", f"set={kubectl.namespace}", "--prune-allowlist=core/v1/ConfigMap")
    kubectl(*APPLY, *prune, stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": both}))
    shown = kubectl(*APPLY, *prune, stdin=json.dumps(both[0]))
    assert shown == "configmap/kept unchanged\nconfigmap/dropped pruned\n"
    assert kubectl("get", "cm", "-l", f"set={kubectl.namespace}", "-o", "name") == "configmap/kept\n"


def test_apply_with_validation(kubectl: Kubectl) -> None:
    """`apply` with kubectl's default validation refuses an unknown field before anything is stored."""
    needs(kubectl, OPENAPI_V3, "field validation by the server")
    refused = kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicaz: 2"))
    assert refused.returncode == 1
    assert 'unknown field "spec.replicaz"' in refused.stderr
    assert kubectl.run("get", "deploy", "web").returncode == 1


def test_edit(kubectl: Kubectl, tmp_path: Path) -> None:
    """`edit` sends what the editor changed as a patch."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed "s/replicas: 2/replicas: 5/" "$1" > "$1.new" && mv "$1.new" "$1"\n')
    editor.chmod(0o755)
    create(kubectl)
    editing = type(kubectl)(kubectl.program, {**kubectl.environment, "EDITOR": str(editor)}, kubectl.namespace)
    assert editing("edit", "deploy", "web") == "deployment.apps/web edited\n"
    assert read(kubectl, "deploy", "web")["spec"]["replicas"] == 5


def test_patch_strategic(kubectl: Kubectl) -> None:
    """A strategic merge patch finds a container by its name."""
    create(kubectl)
    body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "A", "value": "b"}]}]}}}}
    assert kubectl("patch", "deploy", "web", "-p", json.dumps(body)) == "deployment.apps/web patched\n"
    (container,) = read(kubectl, "deploy", "web")["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "A", "value": "b"}]
    assert container["image"] == "busybox:1.36"


def test_patch_merge(kubectl: Kubectl) -> None:
    """A merge patch sets and removes."""
    kubectl("create", "configmap", "m", "--from-literal=a=1", "--from-literal=b=2")
    kubectl("patch", "cm", "m", "--type=merge", "-p", '{"data": {"a": null, "c": "3"}}')
    assert read(kubectl, "cm", "m")["data"] == {"b": "2", "c": "3"}


def test_patch_json(kubectl: Kubectl) -> None:
    """A JSON patch is applied in order; a failing test changes nothing."""
    kubectl("create", "configmap", "m", "--from-literal=a=1")
    steps = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "move", "from": "/data/a", "path": "/data/b"}]
    kubectl("patch", "cm", "m", "--type=json", "-p", json.dumps(steps))
    refused = kubectl.run("patch", "cm", "m", "--type=json", "-p", json.dumps(steps))
    assert refused.returncode == 1
    assert read(kubectl, "cm", "m")["data"] == {"b": "1"}


def test_patch_status(kubectl: Kubectl) -> None:
    """`--subresource=status` writes the status alone."""
    needs(kubectl, "1.24", "--subresource")
    create(kubectl)
    body = {"spec": {"replicas": 9}, "status": {"replicas": 3}}
    kubectl("patch", "deploy", "web", "--subresource=status", "--type=merge", "-p", json.dumps(body))
    found = read(kubectl, "deploy", "web")
    assert (found["spec"]["replicas"], found["status"]["replicas"]) == (2, 3)


def test_label(kubectl: Kubectl) -> None:
    """Labels are added, not overwritten unasked, overwritten, removed, and listed."""
    kubectl("create", "configmap", "m")
    kubectl("label", "cm", "m", "a=1", "b=2")
    assert "already has a value" in kubectl.run("label", "cm", "m", "a=3").stderr
    kubectl("label", "cm", "m", "a=3", "b-", "--overwrite")
    assert read(kubectl, "cm", "m")["metadata"]["labels"] == {"a": "3"}
    assert "a=3" in kubectl("label", "cm", "m", "--list")


def test_annotate(kubectl: Kubectl) -> None:
    """Annotations are set on everything that matches, and removed."""
    for name in ("a", "b"):
        kubectl("create", "configmap", name)
        kubectl("label", "cm", name, "set=x")
    kubectl("annotate", "cm", "-l", "set=x", "note=hello world")
    kubectl("annotate", "cm", "b", "note-")
    assert read(kubectl, "cm", "a")["metadata"]["annotations"] == {"note": "hello world"}
    assert "annotations" not in read(kubectl, "cm", "b")["metadata"]


def test_scale(kubectl: Kubectl) -> None:
    """`scale` goes through the scale subresource; a wrong expectation is told."""
    create(kubectl)
    assert kubectl("scale", "deploy", "web", "--replicas=4") == "deployment.apps/web scaled\n"
    assert read(kubectl, "deploy", "web")["spec"]["replicas"] == 4
    refused = kubectl.run("scale", "deploy", "web", "--current-replicas=9", "--replicas=1")
    assert refused.returncode == 1
    assert "xpected replicas to be 9, was 4" in refused.stderr


def test_autoscale(kubectl: Kubectl) -> None:
    """`autoscale` makes an autoscaler that is seen in both versions of its API."""
    create(kubectl)
    kubectl("autoscale", "deploy", "web", "--min=1", "--max=4", "--cpu-percent=50")
    older = read(kubectl, "horizontalpodautoscalers.v1.autoscaling", "web")["spec"]
    assert older["targetCPUUtilizationPercentage"] == 50
    found = read(kubectl, "horizontalpodautoscalers.v2.autoscaling", "web")["spec"]
    assert found["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    assert "Deployment/web" in kubectl("get", "hpa")


def test_set_image(kubectl: Kubectl) -> None:
    """`set image` changes the named container, or all."""
    create(kubectl)
    kubectl("set", "image", "deploy/web", "main=busybox:2")
    assert image(kubectl) == "busybox:2"
    kubectl("set", "image", "deploy/web", "*=busybox:3")
    assert image(kubectl) == "busybox:3"


def test_set_env_resources_and_service_account(kubectl: Kubectl) -> None:
    """The other forms of `set` reach the pod template."""
    create(kubectl)
    kubectl("set", "env", "deploy/web", "A=b")
    kubectl("set", "resources", "deploy/web", "--limits=cpu=200m", "--requests=cpu=100m")
    kubectl("set", "serviceaccount", "deploy/web", "robot")
    spec = read(kubectl, "deploy", "web")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "robot"
    assert spec["containers"][0]["env"] == [{"name": "A", "value": "b"}]
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "200m"}, "requests": {"cpu": "100m"}}


def test_set_selector(kubectl: Kubectl) -> None:
    """`set selector` points a service elsewhere."""
    kubectl("create", "service", "clusterip", "v", "--tcp=80:80")
    kubectl("set", "selector", "svc", "v", "app=other")
    assert read(kubectl, "svc", "v")["spec"]["selector"] == {"app": "other"}


def test_expose(kubectl: Kubectl) -> None:
    """`expose` makes a service with the deployment's selector and an address of its own."""
    create(kubectl)
    kubectl("expose", "deploy", "web", "--port=80", "--target-port=8080")
    spec = read(kubectl, "svc", "web")["spec"]
    assert spec["selector"] == {"app": "web"}
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 8080}]
    assert spec["clusterIP"].startswith("10.0.0.")


def test_replace(kubectl: Kubectl) -> None:
    """`replace` puts the manifest over the object, `--force` deletes and creates it."""
    create(kubectl)
    uid = read(kubectl, "deploy", "web")["metadata"]["uid"]
    kubectl("replace", "--validate=false", "-f", "-", stdin=NEWER)
    assert image(kubectl) == "busybox:1.37"
    assert read(kubectl, "deploy", "web")["metadata"]["uid"] == uid
    kubectl("replace", "--validate=false", "--force", "-f", "-", stdin=DEPLOYMENT)
    assert read(kubectl, "deploy", "web")["metadata"]["uid"] != uid


@pytest.mark.parametrize("mode", ["background", "foreground", "orphan"])
def test_delete_cascades(kubectl: Kubectl, mode: str) -> None:
    """Dependents go with their owner in the background and the foreground, and stay as orphans."""
    kubectl("create", "configmap", "owner")
    owner = read(kubectl, "cm", "owner")["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    metadata = {"name": "child", "ownerReferences": [{**reference, "blockOwnerDeletion": True}]}
    create(kubectl, json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
    assert 'configmap "owner" deleted' in kubectl("delete", "cm", "owner", f"--cascade={mode}")
    if mode == "orphan":
        assert "ownerReferences" not in read(kubectl, "cm", "child")["metadata"]
    else:
        # An old kubectl takes it for a failure if the child went before it looked.
        waited = kubectl.run("wait", "--for=delete", "cm/child", "--timeout=60s")
        assert waited.returncode == 0 or "not found" in waited.stderr or "no matching" in waited.stderr


def test_delete_now_and_forced(kubectl: Kubectl) -> None:
    """`--now` and `--force` shorten a pod's grace."""
    for name in ("a", "b"):
        kubectl("run", name, "--image=nginx")
    assert 'pod "a" deleted' in kubectl("delete", "pod", "a", "--now")
    assert 'pod "b" force deleted' in kubectl("delete", "pod", "b", "--force", "--grace-period=0")
    assert kubectl("get", "pods", "-o", "name") == ""


def test_delete_all_of_a_kind(kubectl: Kubectl) -> None:
    """`delete --all` empties the namespace of a kind."""
    for name in ("a", "b"):
        kubectl("create", "secret", "generic", name)
    kubectl("delete", "secret", "--all")
    assert kubectl("get", "secret", "-o", "name") == ""


def test_delete_a_namespace(kubectl: Kubectl) -> None:
    """A namespace is waited for until it is gone with its contents; the protected ones stay."""
    kubectl("create", "configmap", "inside")
    kubectl("delete", "namespace", kubectl.namespace)
    assert kubectl.run("get", "namespace", kubectl.namespace).returncode == 1
    assert "this namespace may not be deleted" in kubectl.run("delete", "namespace", "default").stderr


def test_wait_for_a_condition(kubectl: Kubectl) -> None:
    """`wait --for=condition` returns when a status says so."""
    create(kubectl)
    with kubectl.running("wait", "--for=condition=Available", "deploy/web", "--timeout=60s") as waiting:
        proxy = {"type": "Available", "status": "True", "reason": "Test", "message": ""}
        status = read(kubectl, "deploy", "web")
        status["status"] = {"observedGeneration": 1, "conditions": [proxy]}
        path = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments/web/status"
        kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(status))
        shown, _ = waiting.communicate(timeout=60)
        assert (waiting.returncode, shown) == (0, "deployment.apps/web condition met\n")


def test_wait_for_a_field(kubectl: Kubectl) -> None:
    """`wait --for=jsonpath` compares a field, `--for=create` an object's being there."""
    needs(kubectl, "1.31", "--for=jsonpath came with 1.23, --for=create with 1.31")
    create(kubectl)
    assert "condition met" in kubectl("wait", "--for=jsonpath={.spec.replicas}=2", "deploy/web", "--timeout=60s")
    assert "condition met" in kubectl("wait", "--for=create", "deploy/web", "--timeout=60s")


def test_wait_in_vain(kubectl: Kubectl) -> None:
    """A wait that runs out fails and says so."""
    create(kubectl)
    finished = kubectl.run("wait", "--for=condition=Available", "deploy/web", "--timeout=1s")
    assert finished.returncode == 1
    assert "timed out waiting for the condition" in finished.stderr


def signing_request(name: str) -> str:
    """Return the manifest of a certificate signing request with a fresh key."""
    x509 = pytest.importorskip("cryptography.x509", reason="a signing request is made with cryptography")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bob")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    spec = {
        "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    return json.dumps({**kind, "metadata": {"name": name}, "spec": spec})


@pytest.mark.parametrize(("verb", "word"), [("approve", "Approved"), ("deny", "Denied")])
def test_certificate(kubectl: Kubectl, verb: str, word: str) -> None:
    """A signing request names who asked, is pending, and then approved or denied."""
    name = kubectl.namespace
    create(kubectl, signing_request(name))
    try:
        heading, pending = lines(kubectl("get", "csr", name))
        assert heading == ["NAME", "AGE", "SIGNERNAME", "REQUESTOR", "REQUESTEDDURATION", "CONDITION"]
        assert pending[3:] == ["kubernetes-admin", "<none>", "Pending"]
        kubectl("certificate", verb, name)
        assert lines(kubectl("get", "csr", name))[1][-1] == word
        assert "system:masters" in read(kubectl, "csr", name)["spec"]["groups"]
    finally:
        kubectl("delete", "csr", name)
