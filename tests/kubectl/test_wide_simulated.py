"""kubectl on a server with simulated life: rollouts, waits, drains."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from kubectl.running import Kubectl
from kubectl.versions import needs
from kubectl.wide import DEPLOYMENT, NEWER, create, lines, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kubectl


@pytest.fixture
def living(program: str, tmp_path: Path) -> Iterator[Kubectl]:
    """Return kubectl on a simulating server of the test's own: drains and cordons concern the whole cluster."""
    path = tmp_path / "kubeconfig"
    command = [sys.executable, "-m", "dynkube.cli", "serve", "--kubeconfig-out", str(path)]
    command += ["--simulate-delay", "0.05", "--simulate-nodes", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith("dynkube: serving ")
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "KUBECACHEDIR": str(tmp_path / "cache"),
                "KUBECONFIG": str(path),
            }
            kubectl = Kubectl(program, environment, f"living-{uuid.uuid4().hex[:8]}")
            kubectl("create", "namespace", kubectl.namespace)
            yield kubectl
        finally:
            server.terminate()
            assert server.wait(timeout=20) == 0


def rolled_out(kubectl: Kubectl, what: str = "deploy/web") -> str:
    """Wait for a rollout and return what kubectl says."""
    return kubectl("rollout", "status", what, "--timeout=60s")


def test_rollout_status(living: Kubectl) -> None:
    """`rollout status` follows a rollout to its end."""
    create(living)
    assert 'deployment "web" successfully rolled out' in rolled_out(living)
    assert lines(living("get", "deploy", "web", "--no-headers"))[0][:4] == ["web", "2/2", "2", "2"]
    living("set", "image", "deploy/web", "main=busybox:2")
    assert 'deployment "web" successfully rolled out' in rolled_out(living)


def test_rollout_history_and_undo(living: Kubectl) -> None:
    """`rollout history` lists revisions with their causes; `undo` goes back to one of them."""
    create(living)
    living("annotate", "deploy", "web", "kubernetes.io/change-cause=the first")
    rolled_out(living)
    living("apply", "--validate=false", "-f", "-", stdin=NEWER)
    living("annotate", "deploy", "web", "kubernetes.io/change-cause=the second", "--overwrite")
    rolled_out(living)
    shown = living("rollout", "history", "deploy/web")
    assert [row[0] for row in lines(shown) if row[0].isdigit()] == ["1", "2"]
    assert "the second" in shown
    assert "busybox:1.37" in living("rollout", "history", "deploy/web", "--revision=2")
    assert living("rollout", "undo", "deploy/web") == "deployment.apps/web rolled back\n"
    rolled_out(living)
    spec = read(living, "deploy", "web")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "busybox:1.36"
    shown = living("rollout", "history", "deploy/web")
    assert [row[0] for row in lines(shown) if row[0].isdigit()] == ["2", "3"]
    living("rollout", "undo", "deploy/web", "--to-revision=2")
    rolled_out(living)
    assert "busybox:1.37" in living("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}")


def test_rollout_restart_pause_and_resume(living: Kubectl) -> None:
    """`restart` replaces all pods; a paused rollout waits until it is resumed."""
    create(living)
    rolled_out(living)
    before = read(living, "deploy", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    assert living("rollout", "restart", "deploy/web") == "deployment.apps/web restarted\n"
    rolled_out(living)
    after = read(living, "deploy", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    assert (before, after) == ("1", "2")
    living("rollout", "pause", "deploy/web")
    living("set", "image", "deploy/web", "main=busybox:2")
    assert len(lines(living("get", "rs", "--no-headers"))) == 2
    living("rollout", "resume", "deploy/web")
    rolled_out(living)
    assert len(lines(living("get", "rs", "--no-headers"))) == 3


STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: main, image: "busybox:1.36"}]}
"""


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_rollouts_of_other_workloads(living: Kubectl, kind: str) -> None:
    """`rollout` works on StatefulSets and DaemonSets by their ControllerRevisions."""
    manifest = STATEFUL
    if kind == "DaemonSet":
        manifest = STATEFUL.replace("StatefulSet", kind).replace("  replicas: 2\n  serviceName: db\n", "")
    what = f"{kind.lower()}/db"
    create(living, manifest)
    rolled_out(living, what)
    living("set", "image", what, "main=busybox:2")
    rolled_out(living, what)
    assert [row[0] for row in lines(living("rollout", "history", what)) if row[0].isdigit()] == ["1", "2"]
    living("rollout", "undo", what)
    rolled_out(living, what)
    assert read(living, what)["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:1.36"


def test_wait_for_available(living: Kubectl) -> None:
    """`wait --for=condition` sees deployments become Available, pods Ready and jobs Complete."""
    create(living)
    assert "condition met" in living("wait", "--for=condition=Available", "deploy/web", "--timeout=60s")
    assert "condition met" in living("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=60s")
    living("create", "job", "once", "--image=busybox", "--", "date")
    assert "condition met" in living("wait", "--for=condition=Complete", "job/once", "--timeout=60s")


def test_scale_and_get_watch(living: Kubectl) -> None:
    """`get -w` shows a deployment grow."""
    create(living)
    rolled_out(living)
    with living.running("get", "deploy", "web", "-w", "--no-headers") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[1] == "2/2"
        living("scale", "deploy", "web", "--replicas=3")
        for line in watching.stdout:
            if line.split()[1] == "3/3":
                break
        else:
            pytest.fail("the watch has ended")


def test_describe_shows_what_happened(living: Kubectl) -> None:
    """Events of the controllers are at the end of `describe`; ReplicaSets and addresses in it."""
    create(living)
    rolled_out(living)
    shown = living("describe", "deploy", "web")
    assert "ScalingReplicaSet" in shown
    assert "NewReplicaSet:" in shown
    assert "MinimumReplicasAvailable" in shown
    assert "Started container main" in living("describe", "pods", "-l", "app=web")
    living("expose", "deploy", "web", "--port=80")
    living("scale", "deploy", "web", "--replicas=1")
    rolled_out(living)
    assert "10.244." in living("describe", "svc", "web")


def test_nodes(living: Kubectl) -> None:
    """Nodes are Ready; cordoning one is seen, and undone."""
    assert [row[:2] for row in lines(living("get", "nodes", "--no-headers"))] == [
        [f"node-{number}", "Ready"] for number in (1, 2, 3)
    ]
    assert "Capacity:" in living("describe", "node", "node-1")
    assert living("cordon", "node-1") == "node/node-1 cordoned\n"
    assert lines(living("get", "node", "node-1", "--no-headers"))[0][1] == "Ready,SchedulingDisabled"
    create(living)
    rolled_out(living)
    assert "node-1" not in living("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}").split()
    assert living("uncordon", "node-1") == "node/node-1 uncordoned\n"
    assert lines(living("get", "node", "node-1", "--no-headers"))[0][1] == "Ready"


def test_drain(living: Kubectl) -> None:
    """`drain` cordons a node and evicts its pods, one by one where a budget says so; daemons stay."""
    create(living, DEPLOYMENT.replace("replicas: 2", "replicas: 6"))
    create(living, STATEFUL.replace("StatefulSet", "DaemonSet").replace("  replicas: 2\n  serviceName: db\n", ""))
    budget = {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 1}
    text = (
        f'{{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {{"name": "b"}}, "spec": {budget}}}'
    )
    create(living, text.replace("'", '"'))
    rolled_out(living)
    rolled_out(living, "ds/db")
    needs(living, "1.22", "evictions by policy/v1")
    shown = living("drain", "node-1", "--ignore-daemonsets", "--timeout=60s")
    assert "node/node-1 drained" in shown or "node/node-1 evicted" in shown
    left = living("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}").split()
    assert "node-1" not in left
    rolled_out(living)
    assert len(left) >= 5
    assert "node-1" in living("get", "pods", "-l", "app=db", "-o", "jsonpath={.items[*].spec.nodeName}").split()


def test_delete_a_deployment_in_the_foreground(living: Kubectl) -> None:
    """With `--cascade=foreground` kubectl returns when the pods are gone as well."""
    create(living)
    rolled_out(living)
    living("delete", "deploy", "web", "--cascade=foreground", "--timeout=60s")
    assert living("get", "rs,pods", "-o", "name") == ""
